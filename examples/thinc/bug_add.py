# ruff: noqa: E731
"""thinc 9.1.1: add writes into its input and into dY where the first layer returns what it got."""

import numpy as np
from thinc.api import Linear, add, noop

rng, h = np.random.default_rng(0), 1e-6
W, b, X = rng.normal(size=(2, 2)), np.zeros(2), rng.normal(size=(3, 2))
linear = Linear(nO=2, nI=2)
linear.set_param("W", W)
linear.set_param("b", b)
given = X.copy()
Y, back = add(noop(), linear)(given, is_train=True)
back(np.ones_like(Y))
loss = lambda w: (X + X @ w.T).sum()
E = np.eye(4).reshape(4, 2, 2)
true = np.array([loss(W + h * e) - loss(W - h * e) for e in E]).reshape(2, 2) / 2 / h
print("dW of thinc", linear.get_grad("W"), "finite differences", true, sep="\n")
print("input changed by", np.abs(given - X).max())
assert np.abs(linear.get_grad("W") - true).max() > 0.01 and np.abs(given - X).max() > 0.01
