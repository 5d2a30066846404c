# ruff: noqa: N816
"""thinc 9.1.1: the kernels of relu and mish read other layouts in memory as if in C order."""

import numpy as np
from thinc.api import NumpyOps

ops = NumpyOps()
X = np.array([[1.0, -1.0], [2.0, 3.0]], "f")
dY = np.array([[1.0, 2.0], [3.0, 4.0]], "f")
Y = ops.relu(X)
good, bad = ops.backprop_relu(dY, Y), ops.backprop_relu(np.asfortranarray(dY), Y)
print("relu: dY in C order", good.tolist(), "in Fortran order", bad.tolist())
mish, wrong = ops.backprop_mish(dY, X), ops.backprop_mish(dY, np.asfortranarray(X))
print("mish: X in C order", mish.tolist(), "in Fortran order", wrong.tolist())
view = np.array([[0.0, 5.0, 0.0, 5.0], [0.0, 5.0, 0.0, 5.0]], "f")[:, 1::2]  # all of it 5
strided = ops.backprop_relu(dY, view)
print("relu: Y strided, all of it positive", strided.tolist())
assert (good != bad).any() and not np.allclose(mish, wrong) and (strided != dY).any()
