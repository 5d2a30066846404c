"""np.clip whose bound broadcasts x: a gradient of another shape."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

x = np.array([1.0, 2.0, 4.0])


def f(x):
    return anp.sum(anp.arange(6.0).reshape(2, 3) * anp.clip(x, anp.array([[0.0], [3.0]]), None))


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
