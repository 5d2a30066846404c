"""The last witness: finite differences with an error estimate, where all others abstain."""

from __future__ import annotations

import math

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.witnesses.complex_step import Abstains, Line, line_through, pair

_HALVINGS = 40
_FIRST = 0.131
"""The first step, as a share of the array's scale: odd, since halves often meet kinks."""


def differences(
    case: Case, quantity: str, index: tuple[int, ...], noise: float = 0.0
) -> tuple[float, float] | None:
    """∂ Σ⟨dy, y⟩ / ∂ argument[index] by differences in float64, and how far off it may be.

    Central differences at h and h/2 are extrapolated, which leaves h⁴. The error is estimated, not
    bounded: from what the extrapolation changes when h is halved, and from the rounding of y. The
    step is the one whose estimate is least.

    noise     how far Σ⟨dy, y⟩ is off, if more than by a rounding of y

    None where forward fails, nothing is finite, or the slopes to the left and to the right do not
    come together as h is halved, as at a kink or a jump.

    Source    Ridders, Accurate computation of F′(x) and F″(x)F‴(x) (1982)
    """
    array = case.arrays.get(quantity)
    if array is None or not case.dy or not hasattr(case.layer, "forward"):
        return None
    try:
        return _extrapolated(case, line_through(case, quantity, index, wide=False), array, noise)
    except Abstains:
        return None


def _extrapolated(case: Case, line: Line, array: Array, noise: float) -> tuple[float, float] | None:
    base = line(0)
    rounding = max(4 * float(np.finfo(float).eps) * _size(case, base), noise)
    h = (float(np.abs(array).max(initial=0.0)) or 1.0) * _FIRST
    centrals: list[float] = []
    gaps: list[float] = []
    best: tuple[float, float] | None = None
    for _ in range(_HALVINGS):
        right, left = (_slope(case, line(side), base, side) for side in (h, -h))
        centrals.append((right + left) / 2)
        gaps.append(abs(right - left))
        if len(centrals) > 2:
            before, now = ((4 * b - a) / 3 for a, b in (centrals[-3:-1], centrals[-2:]))
            lost = rounding / h
            if best is not None and lost >= best[1]:
                break  # it only grows, and the error with it
            error = abs(now - before) + lost
            together = gaps[-1] <= 0.75 * gaps[-2] + lost
            if together and math.isfinite(error) and (best is None or error < best[1]):
                best = now, error
        h /= 2
    return best


def _slope(case: Case, moved: list[Array], base: list[Array], step: float) -> float:
    with np.errstate(all="ignore"):
        change = [a - b for a, b in zip(moved, base, strict=True)]
    return pair(case, change).real / step


def _size(case: Case, outputs: list[Array]) -> float:
    """Σ |dy| |y|, of which a rounding of y is a part."""
    with np.errstate(all="ignore"):
        return sum(
            float(np.abs(d.astype(np.float64) * y).sum())
            for d, y in zip(case.dy, outputs, strict=True)
            if d is not None
        )
