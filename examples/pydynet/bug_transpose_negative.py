"""pydynet 1.1: transpose with a negative axis sends the gradient to other entries."""

import numpy as np
import pydynet as pdn

A = np.arange(8.0).reshape(2, 2, 2)
weights = pdn.Tensor(A)
x = pdn.Tensor(A, requires_grad=True)
(x.transpose(-1, 0, 1) * weights).sum().backward()
true = A.transpose(1, 2, 0)  # sum of x[i, j, k] * weights[k, i, j]
print(x.grad.ravel(), "should be", true.ravel())
assert (x.grad != true).any()
