"""liger-kernel 0.8.5: the gradient of the LUSPO loss at token level reads beyond its array.

`backward` makes `dloss` of shape (B, 1) and gives its strides to a kernel that reads B × L entries.
"""

import interpreted  # noqa: F401  (Triton's interpreter instead of a GPU)
import torch
from liger_kernel.ops import GrpoLossFunction

torch.manual_seed(0)
x, ids, gain = torch.randn(2, 4, 3), torch.randint(3, (2, 3)), torch.tensor([1.0, -2.0])
mask = torch.tensor([[1.0, 1, 1], [1, 0, 0]])
old = torch.log_softmax(x[:, :-1], -1).gather(2, ids.unsqueeze(2)).squeeze(2) + 0.01


def loss(x):
    """Nothing is clipped: −ratio · gain, times the length of the sequence."""
    ratio = (torch.log_softmax(x[:, :-1], -1).gather(2, ids.unsqueeze(2)).squeeze(2) - old).exp()
    return (-ratio * gain.unsqueeze(1) * mask * mask.sum(1, keepdim=True)).mean()


x.requires_grad_()
y = GrpoLossFunction.apply(x, old, None, ids, gain, mask, 1.0, 0.0, 0.2, 0.2, False, "luspo")[0]
theirs, right = torch.autograd.grad(y, x)[0], torch.autograd.grad(loss(x), x)[0]
print(y.item(), loss(x).item(), "Liger, PyTorch", theirs[:, :-1], right[:, :-1], sep="\n")
assert torch.allclose(y, loss(x)) and not torch.allclose(theirs, right, atol=1e-3)
