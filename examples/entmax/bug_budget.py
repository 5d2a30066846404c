"""entmax 1.3: budget_bisect has a wrong gradient where an axis beside `dim` has length 1.

Its backward divides by `active_size.squeeze(dim)`, but the sum has removed that axis already.
"""

import torch
from entmax import budget_bisect

torch.manual_seed(0)
x = torch.randn(3, 1, 4, dtype=torch.float64, requires_grad=True)
w = torch.randn(3, 1, 4, dtype=torch.float64)
(given,) = torch.autograd.grad((budget_bisect(x) * w).sum(), x)
true = torch.zeros_like(x)
for i in range(x.numel()):
    h = torch.zeros(x.numel(), dtype=x.dtype)
    h[i] = 1e-6
    h = h.view_as(x)
    up, down = ((budget_bisect((x + s * h).detach()) * w).sum() for s in (1, -1))
    true.view(-1)[i] = (up - down) / 2e-6
(flat,) = torch.autograd.grad((budget_bisect(x[:, 0]) * w[:, 0]).sum(), x)
print("entmax, shape (3, 1, 4)\n", given[:, 0].numpy().round(4))
print("differences\n", true[:, 0].numpy().round(4))
print("entmax, shape (3, 4)\n", flat[:, 0].numpy().round(4))
assert (flat - true).abs().max() < 1e-6
assert (given - true).abs().max() > 0.1
