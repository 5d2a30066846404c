"""liger-kernel 0.8.5: cross entropy of strided logits: the gradient is the logits themselves.

The copy that `cross_entropy_forward` makes where `stride(-1) != 1` requires no gradient, so the
kernel is told to compute none; `backward` returns what was saved, times the incoming gradient.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import LigerCrossEntropyFunction

torch.manual_seed(0)
stored, target = torch.randn(3, 2), torch.tensor([2, 0])  # (classes, tokens)
liger = lambda x: LigerCrossEntropyFunction.apply(x, target, None)[0]  # noqa: E731
found = []
for loss in (
    liger,
    lambda x: liger(x.contiguous()),
    lambda x: torch.nn.CrossEntropyLoss()(x, target),
):
    x = stored.clone().T.requires_grad_()
    found.append(torch.autograd.grad(loss(x), x)[0])
print("strided, copied, PyTorch, logits", *found, stored.T, sep="\n")
assert torch.allclose(found[1], found[2]) and torch.equal(found[0], stored.T)
