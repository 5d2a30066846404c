"""liger-kernel 0.8.5: fused linear cross entropy: no gradient of the weight of frozen inputs.

`fused_linear_cross_entropy_forward` asks `_input.requires_grad` alone, so a head that is trained on
frozen features gets no gradient of weight and bias, and no error; with reduction="none" it does.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import LigerFusedLinearCrossEntropyFunction

torch.manual_seed(0)
x, target = torch.randn(4, 3), torch.tensor([0, 1, 2, 4])
weight = torch.randn(5, 3, requires_grad=True)
found = {}
for how in ("mean", "sum", "none"):
    options = (None, None, -100, 0.0, 0.0, how)
    loss = LigerFusedLinearCrossEntropyFunction.apply(x, weight, target, *options)[0].sum()
    (found[how],) = torch.autograd.grad(loss, weight, allow_unused=True)
    right = torch.nn.functional.cross_entropy(x @ weight.T, target, reduction=how).sum()
    print(how, found[how], "PyTorch", torch.autograd.grad(right, weight)[0], sep="\n")
assert found["mean"] is None and found["sum"] is None and found["none"] is not None
