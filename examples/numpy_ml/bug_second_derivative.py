# ruff: noqa: E402
"""numpy-ml 0.1.2: FullyConnected._bwd2 forgets the term of the curved activation in ddW."""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # numpy-ml takes it from where Python 3.9 had it
import numpy as np
from numpy_ml.neural_nets import layers

x, dy, g = np.array([[0.5]]), np.array([[1.0]]), np.array([[1.0]])
made = layers.FullyConnected(1, "Tanh")
made.forward(x)


def dx(w):
    made.parameters["W"] = np.array([[w]])
    return made._bwd(dy, x)[0].item()


true = (dx(0.8 + 1e-6) - dx(0.8 - 1e-6)) / 2e-6
made.parameters["W"] = np.array([[0.8]])
print(made._bwd2(g, x, dy)[1].item(), "difference", true)
assert abs(made._bwd2(g, x, dy)[1].item() - true) > 0.1
