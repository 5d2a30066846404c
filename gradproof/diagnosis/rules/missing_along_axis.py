"""A term that is missing along an axis: a mean, a sum, or a multiple of an array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence


def missing_array(e: Evidence) -> str:
    """A residual that is constant along an axis, or there proportional to an array of the case."""
    return _along_an_axis(e, {"": np.ones_like(e.manual), **e.arrays})


def missing_saved(e: Evidence) -> str:
    """The same with what forward keeps, of which backward is made."""
    return _along_an_axis(e, e.run_forward())


def missing_on_longer_axes(e: Evidence) -> str:
    """What axes are too short to tell; longer ones have to tell the same, if anything."""
    rules = (missing_array, missing_saved, _missing_both)
    said = {next(filter(None, (rule(c) for rule in rules)), "") for c in e.judge_larger()} - {""}
    return said.pop() if len(said) == 1 else ""


def _missing_both(e: Evidence) -> str:
    """A constant along an axis, and what is proportional there to an array or what is kept."""
    constant = {*_missing_along(e, np.ones_like(e.manual))}
    for name, pattern in {**e.arrays, **e.run_forward()}.items():
        alone = constant.union(_missing_along(e, pattern))
        for axis in _missing_along(e, pattern, beside_constant=True):
            if axis not in alone:
                both = f"a mean or a sum and a term proportional to {name}"
                return f"{both} along axis {axis} are missing"
    return ""


def _along_an_axis(e: Evidence, patterns: Mapping[str, Array]) -> str:
    for name, pattern in patterns.items():
        for axis in _missing_along(e, pattern):
            what = f"a term proportional to {name}" if name else "a mean or a sum"
            how = "" if name else ": the residual is constant there"
            return f"{what} along axis {axis} is missing{how}"
    return ""


def _missing_along(e: Evidence, pattern: Array, *, beside_constant: bool = False) -> Iterator[int]:
    """Axes along which the residual is the pattern with another weight on each line.

    beside_constant    and a constant with a weight of its own
    """
    residual = e.manual - e.reference
    if pattern.shape != residual.shape or not pattern.any():
        return
    for axis in reversed(range(residual.ndim)):
        lines = residual.size // max(residual.shape[axis], 1)
        weights, spare = (2 * lines, 4) if beside_constant else (lines, 2)
        if residual.size - weights < spare:
            continue  # too few entries for it to be more than chance
        rest, apart = residual, pattern
        with np.errstate(all="ignore"):
            if beside_constant:
                rest, apart = (a - a.mean(axis=axis, keepdims=True) for a in (rest, apart))
            part = np.nan_to_num(residual - (rest - _share(rest, apart, axis)))
        if e.fits(part, against=residual) and (np.abs(part) > e.bound).any():
            yield axis


def _share(of: Array, pattern: Array, axis: int) -> Array:
    """What of an array is proportional to the pattern along an axis."""
    weight = (pattern * pattern).sum(axis=axis, keepdims=True)
    return np.asarray((of * pattern).sum(axis=axis, keepdims=True) / weight * pattern)
