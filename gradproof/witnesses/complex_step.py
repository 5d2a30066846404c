"""A witness: the complex step through the layer's own forward."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from gradproof.arrays import Array, in_double
from gradproof.cases.case import Case
from gradproof.subject.program import as_tuple

Line: TypeAlias = Callable[[complex], list[Array]]
_ALIKE = 2.0**-6
"""How near the complex step has to be to a difference quotient, relative to the slopes."""
_LOST = 2.0**-40
"""A slope below this part of |⟨dy, y⟩| / |x| is lost in the rounding of a difference quotient."""


class Abstains(Exception):
    """The witness says nothing about this layer at this point."""


def complex_step(case: Case, quantity: str, index: tuple[int, ...]) -> float | None:
    """∂ Σ⟨dy, y⟩ / ∂ argument[index] by a complex step through the layer's own forward, in float64.

    f(x + ih) = f(x) + ih f′(x) + O(h²) for an analytic f. No two near numbers are subtracted, so h
    can be so small that the result is exact but for rounding.

    None if it abstains: forward refuses complex numbers, the result is not finite, or a rough
    difference quotient on either side contradicts it. That happens where forward is not analytic,
    and at a kink.

    Source    Squire & Trapp, Using complex variables to estimate derivatives of real functions
              (SIAM Review, 1998)
    """
    if quantity not in case.arrays or not case.dy or not hasattr(case.layer, "forward"):
        return None
    for wide in (False, True):
        try:
            return _step(case, quantity, index, line_through(case, quantity, index, wide))
        except Abstains:
            continue
    return None


def _step(case: Case, quantity: str, index: tuple[int, ...], line: Line) -> float:
    array = case.arrays[quantity]
    assert array is not None
    here = abs(float(array[index]))
    scale = float(np.abs(array).max(initial=0.0)) or 1.0
    if not math.isfinite(scale):
        raise Abstains
    h = 1e-30 * (here or scale) or float(np.finfo(np.float64).tiny)
    slope = pair(case, line(1j * h)).imag / h
    if not math.isfinite(slope):
        raise Abstains
    base = line(0)
    floor = _LOST * sum(float(np.abs(p).sum()) for p in _products(case, base)) / scale
    for left, right in _one_sided(case, line, base, scale, here or scale):
        allowed = _ALIKE * max(abs(slope), abs(left[1]), abs(right[1])) + floor
        if abs(slope - left[0]) <= allowed and abs(slope - right[0]) <= allowed:
            return slope
    raise Abstains


def _one_sided(
    case: Case, line: Line, base: list[Array], scale: float, here: float
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield ((extrapolated, plain) slope to the left, the same to the right), nearer and nearer.

    Extrapolated from two distances it is free of the curvature: at a minimum both sides are 0.
    """
    h, before = scale / 64, None
    while h > here * 2.0**-28:
        now = []
        for side in (-h, h):
            moved = line(side)
            change = [a - b for a, b in zip(moved, base, strict=True)]
            now.append(pair(case, change).real / side)
        if before is not None and all(map(math.isfinite, now)):
            left, right = ((16 * n - b) / 15 for n, b in zip(now, before, strict=True))
            yield (left, now[0]), (right, now[1])
        h, before = h / 16, now


def line_through(case: Case, quantity: str, index: tuple[int, ...], wide: bool) -> Line:
    """The outputs as a function of a step along one entry; wide: all arguments are complex."""
    smooth = dict(zip(case.arrays, case.smooth, strict=True))
    plain = {n: in_double(a) for n, a in case.arrays.items()}

    def outputs(step: complex) -> list[Array]:
        arrays = dict(plain)
        if isinstance(step, complex):
            for name, array in plain.items():
                if array is not None and (name == quantity or (wide and smooth[name])):
                    arrays[name] = array.astype(complex)
        moved = np.array(arrays[quantity])
        moved[index] += step
        arrays[quantity] = moved
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("error")
                y, _ = case.layer.forward(*arrays.values())
        except Exception as error:
            raise Abstains from error
        return [np.asarray(out) for out in as_tuple(y)]

    return outputs


def _products(case: Case, outputs: list[Array]) -> list[Array]:
    if len(outputs) != len(case.dy):
        raise Abstains
    pairs = zip(case.dy, outputs, strict=True)
    with np.errstate(all="ignore"):
        return [d.astype(np.float64) * y for d, y in pairs if d is not None]


def pair(case: Case, outputs: list[Array]) -> complex:
    """Σ⟨dy, y⟩ over all outputs that have a cotangent."""
    with np.errstate(all="ignore"):
        return complex(sum(complex(p.sum()) for p in _products(case, outputs)))
