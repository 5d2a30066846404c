"""JAX 0.10.2: betaln in float64 has six digits where an argument is 8 or more (a wrong forward)."""

import math

import jax

jax.config.update("jax_enable_x64", True)
f = jax.scipy.special.betaln
for a, b in ((7.9, 0.3), (8.0, 0.3), (10.0, 0.3), (10.0, 1e-3), (40.0, 2.0)):
    true = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    print(a, b, "JAX", f(a, b), "true", true, "gradient", jax.grad(f)(a, b))
true = math.lgamma(10) + math.lgamma(0.3) - math.lgamma(10.3)
assert abs(f(10.0, 0.3) - true) > 1e-7
