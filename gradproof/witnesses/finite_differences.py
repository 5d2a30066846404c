"""The last witness: finite differences with an error estimate, where all others abstain."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.witnesses.complex_step import Abstains, Line, line_through, pair

Slopes: TypeAlias = Callable[[float], tuple[float, float]]
_HALVINGS = 40
_CLOSER = (2.0**-6, 2.0**-14)
"""Much smaller steps, as shares of the last one."""
_LEAST = 2.0**-32
"""A smaller step, as a share of the array's scale, would itself be rounded too much."""
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
    scale = float(np.abs(array).max(initial=0.0)) or 1.0
    first = scale * _FIRST
    rounding = max(4 * _roundoff(line(first)) * _size(case, base), noise)

    def slopes(h: float) -> tuple[float, float]:
        """The central slope, and how far those to the left and to the right are apart."""
        right, left = (_slope(case, line(side), base, side) for side in (h, -h))
        return (right + left) / 2, abs(right - left)

    best, h = _halved(slopes, first, rounding)
    for step in (h * closer for closer in _CLOSER if h * closer > scale * _LEAST):
        if best is not None and _contradicted(slopes, best, step, rounding):
            best, _ = _halved(slopes, step, rounding)
    return best


def _halved(slopes: Slopes, h: float, rounding: float) -> tuple[tuple[float, float] | None, float]:
    """The best estimate as the step is halved, with its error; and the last step."""
    centrals: list[float] = []
    gaps: list[float] = []
    best: tuple[float, float] | None = None
    for _ in range(_HALVINGS):
        central, gap = slopes(h)
        centrals.append(central)
        gaps.append(gap)
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
    return best, h


def _contradicted(slopes: Slopes, best: tuple[float, float], h: float, rounding: float) -> bool:
    """Whether a much smaller step gives another slope.

    Over many periods of a sine the slopes agree on zero.
    """
    wide, close = (slopes(step)[0] for step in (h, h / 2))
    now, error = (4 * close - wide) / 3, abs(close - wide) + 2 * rounding / h
    return math.isfinite(error) and abs(now - best[0]) > 4 * (error + best[1])


def _roundoff(outputs: list[Array]) -> float:
    """That of float32 where forward computes in it, whatever it is given; else of float64.

    Its numbers are then all of float32; those of float16, such as small integers, tell nothing.
    """
    with np.errstate(all="ignore"):
        held = [
            all(np.array_equal(out, out.astype(dtype)) for out in outputs)
            for dtype in (np.float32, np.float16)
        ]
    return float(np.finfo(np.float32 if held == [True, False] else np.float64).eps)


def _slope(case: Case, moved: list[Array], base: list[Array], step: float) -> float:
    """The slope from the base; NaN where a step changes the sizes of the outputs."""
    if [m.shape for m in moved] != [b.shape for b in base]:
        return math.nan
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
