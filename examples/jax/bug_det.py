"""JAX 0.10.2: det's gradient is zero at matrices of rank n - 1 whose first columns depend."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
a = np.array([[1.0, 1, 2, 0], [3, 3, 0, 1], [0, 0, 1, 2], [1, 1, 1, 1]])  # two equal columns
g = np.asarray(jax.grad(jnp.linalg.det)(jnp.array(a)))
true = np.zeros((4, 4))
for i in range(4):
    for j in range(4):
        minor = np.delete(np.delete(a, i, 0), j, 1)
        true[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
print("JAX", g, "cofactors", true.round(6), sep="\n")
assert (g == 0).all() and np.abs(true).max() > 1
