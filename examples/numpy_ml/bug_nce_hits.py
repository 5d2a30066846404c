# ruff: noqa: E402, I001
"""numpy-ml 0.1.2: NCELoss drops the gradient of a target that is also among the noise."""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # numpy-ml takes it from where Python 3.9 had it
import numpy as np
from numpy_ml.neural_nets import losses

from types import SimpleNamespace

X, NOISE, TARGET = np.array([[[1.0, 2.0]]]), np.array([0, 1]), np.array([0])
W = np.array([[0.5, -0.2], [0.3, 0.1], [0.2, 0.4]])


def forward(w):
    loss = losses.NCELoss(3, SimpleNamespace(probs=np.array([0.2, 0.3, 0.5])), 2)
    loss.n_in = 2
    loss._init_params()
    loss.parameters["W"] = w
    return loss, loss(X, TARGET, NOISE)[0]


loss, _ = forward(W)
loss.grad(update_params=False)
d = np.array([[1e-6, 0], [0, 0], [0, 0]])
true = (forward(W + d)[1] - forward(W - d)[1]) / 2e-6
print(loss.gradients["W"][0, 0], "difference", true)
assert abs(loss.gradients["W"][0, 0] - true) > 0.1
