"""Gradients of JAX 0.10.2, against PyTorch's: elementwise rules of jax.lax."""

from __future__ import annotations

import jax.numpy as jnp
import torch
from glue import of
from jax import lax

from gradproof import Check, positive, real, uniform

checks = {
    "rsqrt": Check(of(lax.rsqrt), torch.rsqrt, (positive(5),)),
    "cbrt": Check(of(lax.cbrt), lambda x: x.sign() * x.abs() ** (1 / 3), (uniform(0.2, 9, 5),)),
    "expm1": Check(of(lax.expm1), torch.expm1, (real(5),)),
    "log1p": Check(of(lax.log1p), torch.log1p, (uniform(-0.9, 50, 5),)),
    "tan": Check(of(lax.tan), torch.tan, (uniform(-1.5, 1.5, 5),)),
    "tanh": Check(of(lax.tanh), torch.tanh, (real(5),)),
    "asin": Check(of(lax.asin), torch.asin, (uniform(-0.999, 0.999, 5),)),
    "acos": Check(of(lax.acos), torch.acos, (uniform(-0.999, 0.999, 5),)),
    "atan": Check(of(lax.atan), torch.atan, (real(5),)),
    "asinh": Check(of(lax.asinh), torch.asinh, (real(5),)),
    "acosh": Check(of(lax.acosh), torch.acosh, (uniform(1.1, 9, 5),)),
    "atanh": Check(of(lax.atanh), torch.atanh, (uniform(-0.999, 0.999, 5),)),
    "atan2": Check(of(lax.atan2), torch.atan2, (real(3, 4), positive(3, 4)), names=("a", "b")),
    "div": Check(of(lax.div), torch.div, (real(3, 4), positive(3, 4))),
    "pow": Check(of(lax.pow), torch.pow, (positive(3, 4), uniform(-3, 3, 3, 4))),
    "pow_integer": Check(of(lambda x: lax.integer_pow(x, -3)), lambda x: x**-3, (positive(5),)),
    "pow_zero": Check(of(lambda x: x**2.0), lambda x: x**2.0, (real(5),)),
    "rem": Check(of(lax.rem), torch.fmod, (uniform(0.1, 9, 4), uniform(2, 3, 4))),
    "remainder": Check(of(jnp.remainder), torch.remainder, (uniform(-9, 9, 4), uniform(2, 3, 4))),
    "max_of_two": Check(of(lax.max), torch.maximum, (real(3, 4), real(3, 4))),
    "sqrt": Check(of(lax.sqrt), torch.sqrt, (positive(5),)),
    "logistic": Check(of(lax.logistic), torch.sigmoid, (real(5),)),
    "nan_to_num": Check(of(jnp.nan_to_num), torch.nan_to_num, (real(5),)),
}
