# ruff: noqa: E731, N816
"""thinc 9.1.1: Ops.backprop_lstm, which CupyOps inherits, returns zeros for every gradient."""

import numpy as np
from thinc.backends import Ops

ops, rng = Ops(), np.random.default_rng(0)
ops.xp = np
nO, nI, T = 2, 3, 4
params = rng.normal(size=4 * nO * (nI + nO + 2)).astype("f")
X, zero = rng.normal(size=(T, nI)).astype("f"), np.zeros((1, 1, nO), "f")
sizes = np.ones(T, "i")
Y, state = ops.lstm_forward_training(params, zero, zero, X, sizes)
dX, dP = ops.backprop_lstm(np.ones_like(Y), sizes, params, state)
h = 1e-2
run = lambda x: float(ops.lstm_forward_training(params, zero, zero, x, sizes)[0].sum())
E = np.eye(X.size, dtype="f").reshape(-1, *X.shape)
true = np.array([run(X + h * e) - run(X - h * e) for e in E]).reshape(X.shape) / 2 / h
print("dX of thinc", dX, "finite differences", true, sep="\n")
print("dP is params or zero:", np.abs(dP).max())
assert (dX == 0).all() and np.abs(true).max() > 0.05
