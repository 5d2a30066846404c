"""From mygrad's tensors to what gradproof takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import gradproof

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # gradproof changes np.empty, which numba compiles
import mygrad as mg


def by(f: Callable[..., Any], *more: Any, **options: Any) -> gradproof.vjp:
    """f(*tensors, *more, **options) of mygrad; integers stay arrays of NumPy."""

    def run(*arrays: Any) -> Any:
        given = [mg.tensor(a, copy=True) if a.dtype.kind == "f" else np.array(a) for a in arrays]
        out = f(*given, *more, **options)

        def pull(dy: Any) -> list[Any]:
            f(*given, *more, **options).backward(np.array(dy))
            grads = [None if isinstance(t, np.ndarray) else t.grad for t in given]
            return [
                np.zeros(a.shape, a.dtype) if g is None else np.array(g)
                for a, g in zip(arrays, grads, strict=True)
            ]

        return np.array(out.data), pull

    return gradproof.vjp(run)
