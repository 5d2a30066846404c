"""Gradients of micrograd 0.1.0, against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from micrograd.engine import Value

from gradproof import Check, positive, real, vjp


def by(f: Callable[..., Any]) -> vjp:
    """f(*values) of micrograd, entry by entry."""

    def run(*arrays: Any) -> Any:
        made = [[Value(float(v)) for v in a.ravel()] for a in arrays]
        outs = [f(*entries) for entries in zip(*made, strict=True)]

        def pull(dy: Any) -> list[Any]:
            for values in made:
                for value in values:
                    value.grad = 0.0
            loss = sum(
                f(*e) * float(d) for e, d in zip(zip(*made, strict=True), dy.ravel(), strict=True)
            )
            loss.backward()
            return [np.array([v.grad for v in m]).reshape(dy.shape) for m in made]

        return np.array([o.data for o in outs]).reshape(arrays[0].shape), pull

    return vjp(run)


TWO = (real(2, 3), real(2, 3))
POS = (positive(2, 3), positive(2, 3))
functions = {
    "add": (lambda a, b: a + b, TWO),
    "multiply": (lambda a, b: a * b, TWO),
    "subtract": (lambda a, b: 3 - a - b - 2, TWO),
    "divide": (lambda a, b: a / b, POS),
    "divide_number": (lambda a, b: 2 / a + b / 4, POS),
    "power": (lambda a, b: a**3 + b**-1.5, POS),
    "negative": (lambda a, b: -a * 2 + (-b), TWO),
    "same": (lambda a, b: a * a + a + b - b + a * b * a, TWO),
    "relu": (lambda a, b: (a + b).relu() * a, TWO),
}
checks = {name: Check(by(f), f, x, dtypes=("float64",)) for name, (f, x) in functions.items()}
checks["power_2"] = Check(by(lambda a: a**2), torch.square, (real(2, 3),), dtypes=("float64",))
