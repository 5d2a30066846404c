"""Numbers too large for their dtype: two correct sides may overflow in different ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, wide, with_arrays
from gradproof.judge.compare import measure
from gradproof.judge.verdict import Finding, disagreements
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import Comparison

_LESS = 2.0**-64
"""Factor that makes a cotangent of at most 1 so small that its products do not overflow."""
_COARSER = 2.0**29
"""The roundoff of float32 in units of that of float64."""


def overflows(twin: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement vacuous where a side overflowed and nothing else differs.

    A sum in another order may be −∞ or NaN instead of ∞. Smaller numbers tell an overflow from a
    value that is infinite by itself: a gradient is linear in the cotangent, and an output that is
    infinite at a pole, or NaN outside its domain, is so for inputs of the same signs that are at
    most 1.

    Where torch alone overflowed on the way, manual has to equal torch in float64, within the noise
    that float32 has.
    """
    wrong = [(f, c) for f, c in disagreements(found) if _differs_in_the_infinite(c)]
    if not wrong:
        return
    smaller = _smaller_gradients(twin, case)
    outputs = _outputs_of_smaller(twin, case)
    no_gradient = _overflows_by_itself(twin, case, outputs)
    smaller |= outputs
    precise = _in_float64(twin, case, wrong) if case.dtype == "float32" else {}
    for f, c in wrong:
        over = c.error > c.bound
        by_both = _lost_by_both(c, _entries(smaller.get(f.quantity), over), over)
        if f.quantity in precise:
            by_both |= _lost_by_both(c, precise[f.quantity].reference[over], over)
        by_both |= no_gradient and not f.is_output
        by_torch = _lost_by_torch(c, precise.get(f.quantity))[over]
        if (by_both | by_torch).all():
            f.verdict = "vacuous"
            f.cause = "it overflows" if by_both.any() else "it overflows in torch"


def _entries(values: Array | None, over: Array) -> Array:
    """The values at these entries; NaN, which says nothing, if there are no values."""
    return np.full(np.count_nonzero(over), np.nan) if values is None else values[over]


def _differs_in_the_infinite(c: Comparison) -> bool:
    """Whether no entry over its bound is finite on both sides."""
    over = c.error > c.bound
    return not (np.isfinite(c.manual[over]) & np.isfinite(c.reference[over])).any()


def _lost_by_both(c: Comparison, small: Array, over: Array) -> Array:
    """Which wrong entries are finite on neither side, but for smaller numbers or in float64."""
    finite = np.isfinite(c.manual[over]) | np.isfinite(c.reference[over])
    return np.asarray(~finite & np.isfinite(small))


def _lost_by_torch(c: Comparison, precise: Comparison | None) -> Array:
    """Which entries equal what torch has in float64, but for the rounding of float32.

    Where that is too large for float32, manual's infinity is right, and torch's NaN is not.
    """
    alone = np.isfinite(c.manual) & ~np.isfinite(c.reference)
    if precise is None or precise.exact:
        return alone & (precise is not None)
    with np.errstate(all="ignore"):
        beyond = precise.reference * np.sign(c.manual) > np.finfo(c.manual.dtype).max
        right = precise.error <= _COARSER * precise.bound
        return np.asarray((alone & right) | (np.isinf(c.manual) & np.isnan(c.reference) & beyond))


def _in_float64(
    twin: Callable[..., Any], case: Case, wrong: list[tuple[Finding, Comparison]]
) -> dict[str, Comparison]:
    """What manual gave, beside torch's results and noise in float64."""
    case = wide(case)
    oracle = Oracle.of(twin, case)
    right = oracle.results(case.dy)
    precise = {
        f.quantity: Comparison(c.manual.astype(np.float64), right[f.quantity], case.scale)
        for f, c in wrong
        if f.quantity in right
    }
    measure(precise, oracle)
    return precise


def _smaller_gradients(twin: Callable[..., Any], case: Case) -> dict[str, Array | None]:
    smaller = [*map(_at_most_one, case.dy)]
    dy = [None if d is None else d * d.dtype.type(_LESS) for d in smaller]
    return Oracle.of(twin, case).pull(dy)


def _outputs_of_smaller(twin: Callable[..., Any], case: Case) -> dict[str, Array | None]:
    """The outputs for inputs divided by powers of two, so that none exceeds 1."""
    try:
        smaller = [*map(_at_most_one, case.arrays.values())]
        return numbered("y", Oracle.of(twin, with_arrays(case, smaller)).y)
    except Exception:  # noqa: BLE001  (they may lie outside the function's domain)
        return {}


def _overflows_by_itself(
    twin: Callable[..., Any], case: Case, smaller: dict[str, Array | None]
) -> bool:
    """Whether an output is not finite, but is for smaller inputs: then no gradient need be."""
    here = numbered("y", Oracle.of(twin, case).y)
    finite = [n for n, a in smaller.items() if a is not None and np.isfinite(a).all()]
    return any(not np.isfinite(here[n]).all() for n in finite)


def _at_most_one(a: Array | None) -> Array | None:
    if a is None or a.dtype.kind != "f":
        return a
    _, exponent = np.frexp(np.abs(a).max(initial=1.0))
    return np.asarray(np.ldexp(a, -exponent))
