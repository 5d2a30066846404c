# ruff: noqa: N816
"""thinc 9.1.1: array_getitem keeps the last gradient where a row is taken twice."""

import numpy as np
from thinc.api import array_getitem

X = np.array([[1.0], [2.0]], "f")
Y, back = array_getitem([0, 0, 1])(X, is_train=True)
dX = back(np.ones_like(Y))
print("thinc", dX.ravel(), "true", [2, 1])
assert Y.shape == (3, 1) and dX.ravel().tolist() == [1, 1]
