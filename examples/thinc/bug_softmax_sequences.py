# ruff: noqa: E731, N816
"""thinc 9.1.1: softmax_sequences clips its inputs at ±20, and its backward pass does not know."""

import numpy as np
from thinc.api import NumpyOps

ops, sizes, h = NumpyOps(), np.array([2], "i"), 1e-6
X, dY = np.array([[23.0], [21.0]]), np.array([[1.0], [0.0]])
f = lambda x: ops.softmax_sequences(x, sizes)
dX = ops.backprop_softmax_sequences(dY, f(X), sizes)
E = np.eye(2).reshape(2, 2, 1)
own = np.array([((f(X + h * e) - f(X - h * e)) * dY).sum() / 2 / h for e in E])
print("Y", f(X).ravel(), "true", (np.exp(X - 23) / np.exp(X - 23).sum()).ravel())
print("dX of thinc", dX.ravel(), "finite differences of thinc's forward", own)
assert np.allclose(f(X), 0.5) and np.allclose(own, 0) and abs(dX[0, 0] - 0.25) < 1e-12
