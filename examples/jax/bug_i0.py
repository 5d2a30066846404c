"""JAX 0.10.2: the gradient of jax.scipy.special.i0 at 0 is 1; i0 is even and smooth there."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
f, h = jax.scipy.special.i0, 1e-4
g, true = float(jax.grad(f)(0.0)), float((f(h) - f(-h)) / (2 * h))
print("jax.scipy.special.i0", g, "finite differences", true, "jnp.i0", jax.grad(jnp.i0)(0.0))
print("float32", jax.grad(f)(np.float32(0)))
assert g == 1 and true == 0
