# ruff: noqa: E402
"""numpy-ml 0.1.2: the gradient of Softmax(dim=0) is that of another axis."""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # numpy-ml takes it from where Python 3.9 had it
import numpy as np
from numpy_ml.neural_nets import layers

X = np.array([[0.5, 1.0], [2.0, -1.0]])
DY = np.array([[1.0, 2.0], [3.0, 4.0]])
softmax = layers.Softmax(dim=0)
softmax.forward(X)
dx = softmax.backward(DY)
true, h = np.zeros((2, 2)), 1e-6
for at in np.ndindex(2, 2):
    d = np.zeros((2, 2))
    d[at] = h
    true[at] = (DY * (softmax._fwd(X + d) - softmax._fwd(X - d))).sum() / (2 * h)
print(dx, "differences", true.round(5))
assert np.abs(dx - true).max() > 0.1
