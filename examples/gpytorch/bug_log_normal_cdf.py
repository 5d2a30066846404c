"""gpytorch 1.15.2: log_normal_cdf and its gradient have three digits just below −1, in float64.

An expansion for z < −11.3 is used for all z < −1.
"""

import torch
from gpytorch.functions import log_normal_cdf

z = torch.tensor([-0.99, -1.01, -1.5, -2.5, -4.0, -8.0, -12.0], dtype=torch.float64)
z.requires_grad_()
y = log_normal_cdf(z)
(given,) = torch.autograd.grad(y.sum(), z)
true = torch.special.log_ndtr(z)  # checked against mpmath
(slope,) = torch.autograd.grad(true.sum(), z)
print("       z     relative error of y, of the gradient")
for row in zip(z.tolist(), (y / true - 1).tolist(), (given / slope - 1).tolist(), strict=True):
    print("{:8.2f}  {:12.1e} {:12.1e}".format(*row))
assert (given / slope - 1)[1].abs() > 1e-6 and (given / slope - 1)[0].abs() < 1e-12
