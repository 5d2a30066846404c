"""JAX 0.10.2: spence's gradient is NaN for 1 < x <= 2 and 0 at 1; it is log(x) / (1 - x)."""

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
f, h = jax.scipy.special.spence, 1e-5
for x in (0.9, 1.0, 1.001, 1.4, 1.5, 1.7, 2.0, 2.1, 3.0):
    print(x, "JAX", jax.grad(f)(x), "finite differences", (f(x + h) - f(x - h)) / (2 * h))
bad = [float(jax.grad(f)(x)) for x in (1.001, 1.5, 2.0)]
assert np.isnan(bad).all() and jax.grad(f)(1.0) == 0
