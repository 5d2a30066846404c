"""JAX 0.10.2: the gradient of ldexp(x, n) at x = 0 is 1; it is 2**n everywhere."""

from __future__ import annotations

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def f(x):
    return jnp.ldexp(x, 3)


found = float(jax.grad(f)(0.0))
step = 1e-6
true = float((f(step) - f(-step)) / (2 * step))
print("JAX                ", found)
print("finite differences ", true)
assert abs(true - 8) < 1e-6
assert found != true
