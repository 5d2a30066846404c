"""Gradients too large for their dtype: what is lost on both sides may be lost in different ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.cases import Case, smooth_names
from gradproof.verdict import Finding

_LESS = 2.0**-64
"""A power of two, so that the gradient is exactly so much smaller."""


def overflows(function: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement vacuous where both sides overflowed, and differ in nothing else.

    A sum in another order may be −∞ or NaN instead of ∞. That it is too large and not infinite by
    itself is what a smaller cotangent tells: the gradient is linear in it.
    """
    lost = [
        f
        for f in found
        if f.verdict == "disagree" and f.quantity in case.arrays and _differs_in_the_infinite(f)
    ]
    if not lost:
        return
    from gradproof.oracle import Oracle

    oracle = Oracle(function, list(case.arrays.values()), case.smooth)
    oracle.set_dy([None if d is None else d * d.dtype.type(_LESS) for d in case.dy])
    smaller = dict(zip(smooth_names(case), oracle.gradients(), strict=True))
    for f in lost:
        small, c = smaller[f.quantity], f.comparison
        if small is not None and c is not None and np.isfinite(small[c.error > c.bound]).all():
            f.verdict, f.cause = "vacuous", "it overflows"


def _differs_in_the_infinite(f: Finding) -> bool:
    """Whether no entry over its bound is finite on either side."""
    c = f.comparison
    if c is None:
        return False
    over = c.error > c.bound
    return not (np.isfinite(c.manual[over]) | np.isfinite(c.reference[over])).any()
