"""liger-kernel 0.8.5: fused linear JSD and KL: wrong gradient of a weight stored transposed.

`zeros_like` keeps the layout, and the kernel that multiplies by the incoming gradient is told one
stride only (fused linear cross entropy gives both). It is skipped where that gradient is 1.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import LigerFusedLinearJSDFunction, LigerFusedLinearKLDivFunction

torch.manual_seed(0)
x, teacher, target = torch.randn(4, 2), torch.randn(4, 2), torch.softmax(torch.randn(4, 3), -1)
stored = torch.randn(2, 3)
for loss in (
    lambda w: LigerFusedLinearJSDFunction.apply(x, w, teacher, stored.T),
    lambda w: LigerFusedLinearKLDivFunction.apply(x, w, target),
):
    found = []
    for weight in (stored.clone().T, stored.T.contiguous()):  # the same numbers
        weight.requires_grad_()
        found.append(torch.autograd.grad(10 * loss(weight), weight)[0])
    print("transposed in memory, and contiguous", *found, sep="\n")
    assert not torch.allclose(*found)
