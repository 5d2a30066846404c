# ruff: noqa: E402, NPY002
"""numpy-ml 0.1.2: Dropout's backward pass forgets the mask, and scales its argument in place."""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # numpy-ml takes it from where Python 3.9 had it
import numpy as np
from numpy_ml.neural_nets import layers
from numpy_ml.neural_nets.wrappers import Dropout

X, DY = np.ones((1, 4)), np.ones((1, 1))


def forward(x):
    np.random.seed(0)
    made = Dropout(layers.FullyConnected(1), 0.5)
    made.forward(x)
    made.flush_gradients()
    np.random.seed(1)
    return made, made.forward(x)


dy = DY.copy()
dx = forward(X)[0].backward(dy)
h = 1e-6
true = [((forward(X + d)[1] - forward(X - d)[1]) / (2 * h)).item() for d in h * np.eye(4)]
print(dx[0].round(5), "differences", np.round(true, 5), "dy is now", dy)
assert (np.abs(dx[0] - true) > 0.1).any()
assert dy[0, 0] == 2
