# ruff: noqa: N816
"""thinc 9.1.1: Dish's backward pass takes the derivative at X, not at X Wᵀ + b."""

import numpy as np
from thinc.api import Dish

rng, h = np.random.default_rng(0), 1e-6
W, b, X = rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=(3, 2))
model = Dish(nO=2, nI=2)
model.set_param("W", W)
model.set_param("b", b)
Y, back = model(X, is_train=True)
dX = back(np.ones_like(Y))
E = np.eye(6).reshape(6, 3, 2)
true = np.array([(model.predict(X + h * e) - model.predict(X - h * e)).sum() for e in E]) / 2 / h
print("thinc", dX, "finite differences", true.reshape(3, 2), sep="\n")
assert np.abs(dX.ravel() - true).max() > 0.1
try:
    model = Dish(nO=3, nI=2)
    model.initialize()
    model(X.astype("f"), is_train=True)[1](np.ones((3, 3), "f"))
except ValueError as error:
    print("nO != nI:", error)
