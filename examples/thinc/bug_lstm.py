# ruff: noqa: N816
"""thinc 9.1.1: LSTM's gradients lack the first step and contain the weights themselves."""

import numpy as np
from thinc.api import LSTM, Padded

rng = np.random.default_rng(0)
model = LSTM(nO=2, nI=3).initialize()
X = rng.normal(size=(2, 1, 3)).astype("f")  # two steps, one sequence
sizes = [np.array(v, "i") for v in ([1, 1], [2], [0])]
P = model.get_param("LSTM").copy()


def loss(x, p):
    model.set_param("LSTM", p.astype("f"))
    return float(model.predict(Padded(x.astype("f"), *sizes)).data.sum())


Y, back = model(Padded(X, *sizes), is_train=True)
dX = back(Padded(np.ones_like(Y.data), *sizes)).data
dP, h, E = model.get_grad("LSTM"), 1e-2, np.eye(6).reshape(6, *X.shape)
true = np.array([loss(X + h * e, P) - loss(X - h * e, P) for e in E]) / 2 / h
at = np.array([loss(X, P + h * e) - loss(X, P - h * e) for e in np.eye(len(P))[:4]]) / 2 / h
print("dX", dX.ravel(), "true", true, "dW", dP[:4], "true", at, "W", P[:4], sep="\n")
assert (dX[0] == 0).all() and np.abs(true[:3]).max() > 1e-2 and np.abs(dP[:4] - at).max() > 0.1
