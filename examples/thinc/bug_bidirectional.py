# ruff: noqa: ARG005, N816
"""thinc 9.1.1: bidirectional gives both layers the gradient of the first, and reverses nothing."""

import numpy as np
from thinc.api import Padded, bidirectional, noop

X = np.arange(2.0, dtype="f").reshape(2, 1, 1)  # two steps
sizes = [np.array(v, "i") for v in ([1, 1], [2], [0])]
seen = []
spy = noop()
spy._func = lambda model, P, is_train: (seen.append(P.data.copy()), (P, lambda d: d))[1]
Y, back = bidirectional(noop(), spy)(Padded(X, *sizes), is_train=True)
dY = np.array([[[1.0, 10.0]], [[1.0, 10.0]]], "f")
dX = back(Padded(dY, *sizes)).data
print("Y", Y.data.tolist(), "dX of thinc", dX.ravel(), "true", [11, 11])
print("the second layer was given", seen[0].ravel(), "reversed it is", X[::-1].ravel())
assert dX.ravel().tolist() == [2, 2]
assert (seen[0] == X).all()
