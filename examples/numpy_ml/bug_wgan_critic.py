# ruff: noqa: E402
"""numpy-ml 0.1.2: the signs of two gradients of the critic's loss are exchanged."""

import collections
import collections.abc

collections.Hashable = collections.abc.Hashable  # numpy-ml takes it from where Python 3.9 had it
import numpy as np
from numpy_ml.neural_nets import losses

loss = losses.WGAN_GPLoss()
fake, true, grad = np.array([1.0, 2.0]), np.array([0.5, 3.0]), np.array([[1.0, 2.0], [0.5, 1.0]])
d_fake, d_true, _ = loss.grad(fake, "C", true, grad)
h = np.array([1e-6, 0.0])
by_fake = (loss(fake + h, "C", true, grad) - loss(fake - h, "C", true, grad)) / 2e-6
by_true = (loss(fake, "C", true + h, grad) - loss(fake, "C", true - h, grad)) / 2e-6
print("fake", d_fake, "difference", round(by_fake, 6), "real", d_true, round(by_true, 6))
assert round(by_fake, 4) == 0.5
assert d_fake[0] == -0.5
assert round(by_true, 4) == -0.5
assert d_true[0] == 0.5
