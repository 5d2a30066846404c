"""JAX 0.10.2: the gradient of boxcox in the power is 0 at power 0; it is log(x)² / 2."""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
f, x, h = jax.scipy.special.boxcox, 4.0, 1e-5
g = jax.grad(f, argnums=1)(x, 0.0)
true = (f(x, h) - f(x, -h)) / (2 * h)
print("JAX", g, "finite differences", true, "log(x)**2 / 2", jnp.log(x) ** 2 / 2)
print("boxcox1p", jax.grad(jax.scipy.special.boxcox1p, argnums=1)(x, 0.0), jnp.log1p(x) ** 2 / 2)
assert g == 0 and abs(true - jnp.log(x) ** 2 / 2) < 1e-6
