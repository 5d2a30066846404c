"""diffsort 0.2.0: the Gaussian comparator's gradient has 7 digits only, in double precision too.

Its backward keeps sigma as `torch.tensor(sigma)`, which is float32.
"""

import math

import torch
from diffsort.functional import NormalCDF

x = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64, requires_grad=True)
NormalCDF.apply(x, 0.1).sum().backward()
true = (-0.5 * (x.detach() / 0.1) ** 2).exp() / 0.1 / math.sqrt(2 * math.pi)
off = ((x.grad - true) / true).abs()
print("diffsort", x.grad.tolist(), "\ntrue    ", true.tolist(), "\nrelative", off.tolist())
assert off.max() > 1e-8
