"""JAX 0.10.2: the gradient of beta at negative arguments is NaN where its value is right."""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
f, h = jax.scipy.special.beta, 1e-6
for a, b in ((1.0, -2.3), (-1.5, -2.3), (-1.5, 0.5), (0.5, -1.5), (-2.3, 1.0)):
    print(a, b, f(a, b), "JAX", jax.grad(f)(a, b), (f(a + h, b) - f(a - h, b)) / (2 * h))
assert jnp.isnan(jax.grad(f)(-1.5, -2.3))
