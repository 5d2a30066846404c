"""np.einsum with lists of indices, and dots that broadcast: a sum over the wrong axis."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

x = np.arange(6.0).reshape(2, 3)


def f(x):
    return anp.sum(
        anp.arange(18.0).reshape(2, 3, 3)
        * anp.einsum(x, [0, ...], np.cos(np.arange(18.0)).reshape(2, 3, 3), [0, ...], [0, ...])
    )


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
