"""From a function of JAX arrays to what gradproof judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradproof import vjp

jax.config.update("jax_enable_x64", True)


def of(f: Callable[..., Any], **options: Any) -> vjp:
    """The outputs and the pull-back of `f`; `options` are passed on to it."""

    def run(*arrays: np.ndarray) -> tuple[Any, Callable[[Any], Any]]:
        y, pull = jax.vjp(lambda *a: f(*a, **options), *map(jnp.array, arrays))
        if not isinstance(y, tuple):
            return y, lambda dy: pull(jnp.asarray(dy))
        zeros = [np.zeros_like(out) for out in y]

        def back(dys: Any) -> Any:
            given = [jnp.asarray(z if d is None else d) for d, z in zip(dys, zeros, strict=True)]
            return pull(type(y)(*given) if hasattr(y, "_fields") else tuple(given))

        return tuple(y), back

    return vjp(run)
