"""JAX 0.10.2: the gradient of expn(0, x) = exp(-x) / x is NaN for x up to 1."""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
x = 0.8
f = lambda t: jax.scipy.special.expn(0, t)  # noqa: E731
print("JAX", f(x), jax.grad(f)(x), "true", jnp.exp(-x) / x, -jnp.exp(-x) * (1 + x) / x**2)
assert jnp.isnan(jax.grad(f)(x))
