"""betainc(600, 600, x): nan, since beta(600, 600) underflows (also beta.cdf)."""

import autograd.numpy as anp
import autograd.scipy.special as sp
import numpy as np
from autograd import grad

x = np.array([0.49, 0.51])


def f(x):
    return anp.sum(sp.betainc(600.0, 600.0, x))


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
