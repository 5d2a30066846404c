"""gammainc(200, x): nan, since gamma(200) overflows (also gamma.cdf and chi2.cdf)."""

import autograd.numpy as anp
import autograd.scipy.special as sp
import numpy as np
from autograd import grad

x = np.array([190.0, 200.0])


def f(x):
    return anp.sum(sp.gammainc(200.0, x))


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
