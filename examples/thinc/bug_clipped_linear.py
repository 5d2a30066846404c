# ruff: noqa: E731, N816
"""thinc 9.1.1: with a negative slope, backprop_clipped_linear is zero everywhere."""

import numpy as np
from thinc.api import NumpyOps

ops, X, h = NumpyOps(), np.array([[-2.0, 0.2, 0.5, 3.0]]), 1e-6
y = lambda x: ops.clipped_linear(x, slope=-1.0, offset=1.0)
dX = ops.backprop_clipped_linear(np.ones_like(X), X, slope=-1.0, offset=1.0)
true = (y(X + h) - y(X - h)) / 2 / h
print("thinc", dX, "finite differences", true.round(6))
assert (dX == 0).all() and np.allclose(true, [[0, -1, -1, 0]])
