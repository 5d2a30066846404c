"""solve_triangular with unit_diagonal=True: the gradients use the stored diagonal."""

import autograd.numpy as anp
import autograd.scipy.linalg as sla
import numpy as np
from autograd import grad

A = np.array([[5.0, 0.0, 0.0], [2.0, 3.0, 0.0], [1.0, 4.0, 2.0]])
x = np.array([1.0, 2.0, 4.0])


def f(x):
    return anp.sum(
        anp.arange(3.0).reshape(3) * sla.solve_triangular(A, x, lower=True, unit_diagonal=True)
    )


found = grad(f)(x)
steps = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], x.shape)
print("autograd           ", np.shape(found), np.ravel(found))
print("finite differences ", true.shape, np.ravel(true))
assert np.shape(found) != true.shape or not np.allclose(found, true, 1e-3, 1e-6)
