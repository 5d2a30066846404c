"""np.var with correction=1, as the array API calls ddof: the gradient of correction=0."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

x = np.array([1.0, 2.0, 4.0])


def f(x):
    return anp.var(x, correction=1)


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
