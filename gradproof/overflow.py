"""Numbers too large for their dtype: what is lost on both sides may be lost in different ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.cases import Case, smooth_names
from gradproof.fill import Array
from gradproof.oracle import Oracle
from gradproof.verdict import Finding

_LESS = 2.0**-64
"""A power of two, so that the gradient is exactly so much smaller."""


def overflows(function: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement vacuous where both sides overflowed, and differ in nothing else.

    A sum in another order may be −∞ or NaN instead of ∞. That it is too large and not infinite by
    itself is what smaller numbers tell: a gradient is linear in the cotangent, and an output that
    is infinite at a pole, or no number outside of its domain, is so for inputs of the same signs
    that are at most 1.
    """
    lost = [f for f in found if f.verdict == "disagree" and _differs_in_the_infinite(f)]
    if not lost:
        return
    smaller = _smaller_gradients(function, case)
    if any(f.quantity not in case.arrays for f in lost):
        smaller |= _outputs_of_smaller(function, case)
    for f in lost:
        small, c = smaller.get(f.quantity), f.comparison
        if small is not None and c is not None and np.isfinite(small[c.error > c.bound]).all():
            f.verdict, f.cause = "vacuous", "it overflows"


def _smaller_gradients(function: Callable[..., Any], case: Case) -> dict[str, Array | None]:
    oracle = Oracle(function, list(case.arrays.values()), case.smooth)
    oracle.set_dy([None if d is None else d * d.dtype.type(_LESS) for d in case.dy])
    return dict(zip(smooth_names(case), oracle.gradients(), strict=True))


def _outputs_of_smaller(function: Callable[..., Any], case: Case) -> dict[str, Array | None]:
    """The outputs for inputs that are divided by a power of two each, so that none exceeds 1."""
    try:
        y = Oracle(function, [*map(_at_most_one, case.arrays.values())], case.smooth).y
    except (RuntimeError, ValueError):  # they are outside of the function's domain
        return {}
    return {f"y{i or ''}": out for i, out in enumerate(y)}


def _at_most_one(a: Array | None) -> Array | None:
    if a is None or a.dtype.kind != "f":
        return a
    _, exponent = np.frexp(np.abs(a).max(initial=1.0))
    return np.asarray(np.ldexp(a, -exponent))


def _differs_in_the_infinite(f: Finding) -> bool:
    """Whether no entry over its bound is finite on either side."""
    c = f.comparison
    if c is None:
        return False
    over = c.error > c.bound
    return not (np.isfinite(c.manual[over]) | np.isfinite(c.reference[over])).any()
