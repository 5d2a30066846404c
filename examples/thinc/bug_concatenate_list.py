# ruff: noqa: N816
"""thinc 9.1.1: on lists, concatenate's backward pass joins lists instead of adding gradients."""

import numpy as np
from thinc.api import concatenate, noop

X = [np.ones((2, 1), "f"), np.ones((1, 1), "f")]
Y, back = concatenate(noop(), noop())(X, is_train=True)
dX = back([np.ones_like(y) for y in Y])
print("inputs", [x.shape for x in X], "gradients", [d.shape for d in dX], [d.ravel() for d in dX])
assert len(dX) == 4 and all((d == 1).all() for d in dX)  # true: two of them, of twos
