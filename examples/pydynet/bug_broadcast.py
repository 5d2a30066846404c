"""pydynet 1.1: where axes are added and others stretched, the gradient sums over wrong axes."""

import numpy as np
import pydynet as pdn

A, B = np.ones((3, 2, 1)), np.array([[2.0], [5.0]])
b = pdn.Tensor(B, requires_grad=True)
(pdn.Tensor(A) * b).sum().backward()
d = np.array([[1e-6], [0.0]])
true = (np.sum(A * (B + d)) - np.sum(A * (B - d))) / 2e-6
print(b.grad.ravel(), "differences at [0, 0]", round(true, 6))
assert round(true, 5) == 3
assert (b.grad == 6).all()
