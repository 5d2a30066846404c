# ruff: noqa: E402
"""numpy-ml 0.1.2: max Pool2D with padding looks for the maximum where there is no padding."""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # numpy-ml takes it from where Python 3.9 had it
import numpy as np
from numpy_ml.neural_nets import layers

X = -np.arange(1.0, 5.0).reshape(1, 2, 2, 1)


def forward(x):
    made = layers.Pool2D((2, 2), 1, pad="same")
    return made, made.forward(x)


made, y = forward(X)
dx = made.backward(np.ones_like(y)).ravel()
true = [
    (forward(X + d)[1] - forward(X - d)[1]).sum() / 2e-6
    for d in 1e-6 * np.eye(4).reshape(4, 1, 2, 2, 1)
]
print(dx, "differences", np.round(true, 6))
assert np.abs(dx - true).max() >= 1
