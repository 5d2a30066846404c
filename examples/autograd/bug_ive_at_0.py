"""ive(2, x) is smooth at 0 with derivative 0; autograd gives nan."""

import autograd.numpy as anp
import autograd.scipy.special as sp
import numpy as np
from autograd import grad

x = np.array([0.0, 1.0])


def f(x):
    return anp.sum(sp.ive(2, x))


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
