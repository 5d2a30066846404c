"""np.ravel(x, order="A") of an array in Fortran's order: the gradient is in C's."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

x = np.asfortranarray(np.arange(6.0).reshape(2, 3))


def f(x):
    return anp.sum(anp.arange(6.0) * anp.ravel(x, order="A"))


found = grad(f)(x)
steps = [np.zeros((2, 3), order="F") for _ in range(6)]
for i, h in enumerate(steps):
    h[divmod(i, 3)] = 1e-6
true = np.reshape([(f(x + h) - f(x - h)) / 2e-6 for h in steps], (2, 3))
print("autograd", found, "finite differences", true, sep="\n")
assert not np.allclose(found, true)
