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
"""Of a cotangent that is at most 1: with the largest numbers there are its products are small."""


def overflows(function: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement vacuous where a side overflowed, and they differ in nothing else.

    A sum in another order may be −∞ or NaN instead of ∞. That it is too large and not infinite by
    itself is what smaller numbers tell: a gradient is linear in the cotangent, and an output that
    is infinite at a pole, or no number outside of its domain, is so for inputs of the same signs
    that are at most 1.

    Where torch alone overflowed on the way, manual has to be what torch is in float64.
    """
    wrong = [f for f in found if f.verdict == "disagree" and _differs_in_the_infinite(f)]
    if not wrong:
        return
    smaller = _smaller_gradients(function, case)
    if any(f.quantity not in case.arrays for f in wrong):
        smaller |= _outputs_of_smaller(function, case)
    wide = _in_float64(function, case) if case.dtype == "float32" else {}
    for f in wrong:
        by_both = _lost_by_both(f, smaller.get(f.quantity))
        if (by_both | _lost_by_torch(f, wide.get(f.quantity))).all():
            f.verdict = "vacuous"
            f.cause = "it overflows" if by_both.any() else "it overflows in torch"


def _differs_in_the_infinite(f: Finding) -> bool:
    """Whether no entry over its bound is finite on both sides."""
    c = f.comparison
    if c is None:
        return False
    over = c.error > c.bound
    return not (np.isfinite(c.manual[over]) & np.isfinite(c.reference[over])).any()


def _lost_by_both(f: Finding, small: Array | None) -> Array:
    """Which entries over their bounds are finite on neither side, though smaller ones are."""
    c = f.comparison
    assert c is not None
    over = c.error > c.bound
    if small is None:
        return np.zeros(np.count_nonzero(over), dtype=bool)
    finite = np.isfinite(c.manual[over]) | np.isfinite(c.reference[over])
    return np.asarray(~finite & np.isfinite(small[over]))


def _lost_by_torch(f: Finding, wide: Array | None) -> Array:
    """Which entries over their bounds manual has, within a rounding, as torch has in float64."""
    c = f.comparison
    assert c is not None
    over = c.error > c.bound
    if wide is None:
        return np.zeros(np.count_nonzero(over), dtype=bool)
    with np.errstate(over="ignore"):
        rounded = wide[over].astype(c.manual.dtype)
    again = Comparison(np.asarray(c.manual[over]), rounded, c.scale)
    alone = np.isfinite(rounded) & ~np.isfinite(c.reference[over])
    return np.asarray(alone & (again.exact or again.error <= again.bound))


def _in_float64(function: Callable[..., Any], case: Case) -> dict[str, Array | None]:
    oracle = Oracle(function, [*map(in_double, case.arrays.values())], case.smooth)
    oracle.set_dy([*map(in_double, case.dy)])
    outputs = {f"y{i or ''}": out for i, out in enumerate(oracle.y)}
    return outputs | dict(zip(smooth_names(case), oracle.gradients(), strict=True))


def _smaller_gradients(function: Callable[..., Any], case: Case) -> dict[str, Array | None]:
    oracle = Oracle(function, list(case.arrays.values()), case.smooth)
    smaller = [*map(_at_most_one, case.dy)]
    oracle.set_dy([None if d is None else d * d.dtype.type(_LESS) for d in smaller])
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
