"""np.linalg.slogdet of a complex matrix: its sign turns with x, and its gradient is 0."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

A = np.array([[1.0, 2.0j], [0.5, 3.0 + 1j]])


def f(t):
    return anp.real(anp.linalg.slogdet(A + t * anp.array([[1j, 0], [0, 1.0]]))[0])


found = grad(f)(0.3)
true = (f(0.3 + 1e-6) - f(0.3 - 1e-6)) / 2e-6
print("autograd", found, "finite differences", true)
assert not np.allclose(found, true)
