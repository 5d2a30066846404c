"""liger-kernel 0.8.5: Swiglu's backward pass writes its gradients over its inputs, unseen.

Where something else uses the same tensor, its gradient is computed from the overwritten numbers.
GEGLU does the same. No option turns it off and no docstring says it.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import LigerSiLUMulFunction

torch.manual_seed(0)
a = torch.randn(4, requires_grad=True)


def gradient(product):
    """Of a function that uses the gate twice."""
    gate = a * 1
    return torch.autograd.grad((gate.square() + product(gate, torch.ones(4))).sum(), a)[0]


theirs = gradient(LigerSiLUMulFunction.apply)
right = gradient(lambda g, u: torch.nn.functional.silu(g) * u)
print(f"Liger   {theirs.tolist()}\nPyTorch {right.tolist()}")
assert not torch.allclose(theirs, right)
