"""np.kron of arrays with three axes: a wrong gradient of the right shape."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

x = np.sin(np.arange(27.0)).reshape(3, 3, 3)


def f(x):
    return anp.sum(
        anp.arange(216.0).reshape(6, 6, 6) * anp.kron(x, anp.cos(anp.arange(8.0)).reshape(2, 2, 2))
    )


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
