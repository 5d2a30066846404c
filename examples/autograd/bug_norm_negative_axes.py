"""np.linalg.norm over axis=(-2, -1): a wrong gradient for every batch but one."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

x = np.sin(np.arange(27.0)).reshape(3, 3, 3)


def f(x):
    return anp.sum(anp.arange(3.0).reshape(3) * anp.linalg.norm(x, axis=(-2, -1)))


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
