# ruff: noqa: E402
"""numpy-ml 0.1.2: a pooled Embedding counts a word that occurs twice in a row once."""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # numpy-ml takes it from where Python 3.9 had it
import numpy as np
from numpy_ml.neural_nets import layers

made = layers.Embedding(1, 3, pool="sum")
ids = np.array([[0, 0, 2]])
made.forward(ids)
made.backward(np.ones((1, 1, 1)))
d = np.array([[1e-6], [0.0], [0.0]])
w = made.parameters["W"]
made.parameters["W"] = w + d
right = made.forward(ids).sum()
made.parameters["W"] = w - d
true = (right - made.forward(ids).sum()) / 2e-6
print(made.gradients["W"].ravel(), "differences at [0]", round(true, 5))
assert round(true, 4) == 2
assert made.gradients["W"][0, 0] == 1
