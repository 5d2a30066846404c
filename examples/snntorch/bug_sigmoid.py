"""snntorch 1.0.0: the default sigmoid surrogate's gradient is NaN for a potential below −3.42."""

import snntorch as snn
import torch
from snntorch import surrogate

u = torch.tensor([-1.0, -3.0, -3.4, -3.5, -10.0], requires_grad=True)
surrogate.sigmoid(slope=25)(u).sum().backward()
s = torch.sigmoid(25 * u.detach().double())
print("membrane − threshold", u.tolist())
print("snntorch            ", u.grad.tolist())
print("25·s·(1 − s)        ", (25 * s * (1 - s)).tolist())

# one strongly inhibited neuron makes every weight of the layer NaN
weight = torch.nn.Parameter(torch.tensor([[1.0], [-3.0]]))
spikes, _ = snn.Leaky(beta=0.9, spike_grad=surrogate.sigmoid())(
    weight @ torch.ones(1), torch.zeros(2)
)
spikes.sum().backward()
print("gradient of weights ", weight.grad.flatten().tolist())
assert u.grad[:3].isfinite().all() and u.grad[3:].isnan().all() and weight.grad[1].isnan()
