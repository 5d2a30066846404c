"""JAX 0.10.2: bessel_jn's gradient is wrong where its value is right."""

import jax

jax.config.update("jax_enable_x64", True)
h = 1e-5
for x in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
    for n in (50, 120):  # 50 is the default of n_iter
        f = lambda t, n=n: jax.scipy.special.bessel_jn(t, v=1, n_iter=n)[1]  # noqa: E731
        print(x, n, f(x), "JAX", jax.grad(f)(x), "differences", (f(x + h) - f(x - h)) / (2 * h))
assert jax.grad(lambda t: jax.scipy.special.bessel_jn(t, v=1, n_iter=120)[1])(1.0) < -50
