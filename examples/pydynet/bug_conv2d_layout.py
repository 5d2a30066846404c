"""pydynet 1.1: conv2d and pool2d of an image that is F-ordered scramble its gradient."""

import numpy as np
import pydynet as pdn
from pydynet.nn import functional as pf

X = np.random.default_rng(0).normal(size=(2, 2, 3, 4))
W = np.random.default_rng(1).normal(size=(1, 2, 2, 2))


def gradient(x: np.ndarray) -> np.ndarray:
    x = pdn.Tensor(x, requires_grad=True)
    pf.conv2d(x, pdn.Tensor(W)).sum().backward()
    return x.grad


c, f = gradient(X), gradient(np.asfortranarray(X))
print(c.ravel()[:3], "in C order,", f.ravel()[:3], "in F order; differences", end=" ")
d = np.zeros_like(X)
d[0, 0, 0, 0] = 1e-6
y = [pf.conv2d(pdn.Tensor(v), pdn.Tensor(W)).sum().item() for v in (X + d, X - d)]
print(round((y[0] - y[1]) / 2e-6, 6))
assert np.abs(c - f).max() > 0.1
