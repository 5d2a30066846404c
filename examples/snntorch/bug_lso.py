"""snntorch 1.0.0: the leaky spike operator cannot be used: it raises, forwards and backwards."""

import torch
from snntorch import surrogate

u = torch.tensor([-1.0, 2.0], requires_grad=True)
raised = []
try:
    surrogate.LSO(slope=0.1)(u)  # calls the stochastic operator, with a slope for its mean
except TypeError as error:
    raised.append(str(error))
try:
    surrogate.LeakySpikeOperator.apply(u, 0.1).sum().backward()  # one gradient for two inputs
except RuntimeError as error:
    raised.append(str(error))
print(*raised, sep="\n")
assert len(raised) == 2
