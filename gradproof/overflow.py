"""Numbers too large for their dtype: what is lost on both sides may be lost in different ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.bound import Comparison
from gradproof.cases import Case, smooth_names
from gradproof.fill import Array
from gradproof.oracle import Oracle
from gradproof.verdict import Finding
from gradproof.witness import in_double

_LESS = 2.0**-64
"""A power of two, so that the gradient is exactly so much smaller."""


def overflows(function: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement vacuous where both sides overflowed, and differ in nothing else.

    A sum in another order may be −∞ or NaN instead of ∞. That it is too large and not infinite by
    itself is what smaller numbers tell: a gradient is linear in the cotangent, and an output that
    is infinite at a pole, or no number outside of its domain, is so for inputs of the same signs
    that are at most 1.

    So is one where torch alone overflowed on the way, and manual has what torch has in float64.
    """
    wrong = [f for f in found if f.verdict == "disagree" and f.comparison is not None]
    lost = [f for f in wrong if _differs_in_the_infinite(f)]
    smaller = _smaller_gradients(function, case) if lost else {}
    if any(f.quantity not in case.arrays for f in lost):
        smaller |= _outputs_of_smaller(function, case)
    for f in lost:
        small, c = smaller.get(f.quantity), f.comparison
        if small is not None and c is not None and np.isfinite(small[c.error > c.bound]).all():
            f.verdict, f.cause = "vacuous", "it overflows"
    narrow = [f for f in wrong if case.dtype == "float32" and _lost_by_torch(f)]
    wide = _in_float64(function, case) if narrow else {}
    for f in narrow:
        if _right(f, wide.get(f.quantity)):
            f.verdict, f.cause = "vacuous", "it overflows in torch"


def _in_float64(function: Callable[..., Any], case: Case) -> dict[str, Array | None]:
    oracle = Oracle(function, [*map(in_double, case.arrays.values())], case.smooth)
    oracle.set_dy([*map(in_double, case.dy)])
    outputs = {f"y{i or ''}": out for i, out in enumerate(oracle.y)}
    return outputs | dict(zip(smooth_names(case), oracle.gradients(), strict=True))


def _lost_by_torch(f: Finding) -> bool:
    """Whether every entry over its bound is finite on manual's side alone."""
    c = f.comparison
    if c is None:
        return False
    over = c.error > c.bound
    return bool((np.isfinite(c.manual[over]) & ~np.isfinite(c.reference[over])).all())


def _right(f: Finding, wide: Array | None) -> bool:
    """Whether manual is torch's in float64, within the rounding of one operation."""
    c = f.comparison
    if c is None or wide is None:
        return False
    over = c.error > c.bound
    with np.errstate(over="ignore"):
        rounded = wide[over].astype(c.manual.dtype)
    return Comparison(np.asarray(c.manual[over]), np.asarray(rounded), c.scale).within()


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
