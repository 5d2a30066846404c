"""chi2.logpdf with df=2.5: the gradient is 0 for every df that is no integer."""

import autograd.numpy as anp
import autograd.scipy.stats as ss
import numpy as np
from autograd import grad

x = np.array([1.0, 2.0, 4.0])


def f(x):
    return anp.sum(ss.chi2.logpdf(x, 2.5))


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
