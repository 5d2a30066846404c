"""A term that is missing along an axis: a mean, a sum, or a multiple of an array."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence, in_words
from gradproof.diagnosis.resample import larger

Axes: TypeAlias = tuple[int, ...]
_RANK = 5
"""Of so many axes at most all sets are tried."""


def missing_array(e: Evidence) -> str:
    """The residual is constant along an axis, or proportional to an array of the case there."""
    return _along_an_axis(e, {"": np.ones_like(e.manual), **e.arrays})


def missing_saved(e: Evidence) -> str:
    """The residual is proportional to a saved array along an axis."""
    return _along_an_axis(e, e.run_forward())


def missing_on_longer_axes(e: Evidence) -> str:
    """What only longer axes show; all longer cases must show the same."""
    rules = (missing_array, missing_saved, _missing_both)
    longer = e.judge_again(larger)
    longer = tuple(c for c in longer if min(c.manual.shape, default=2) > 1) or longer
    said = {next(filter(None, (rule(c) for rule in rules)), "") for c in longer} - {""}
    return said.pop() if len(said) == 1 else ""


def _missing_both(e: Evidence) -> str:
    """A constant along an axis, plus a term proportional to an array or a saved array."""
    constant = {*_missing_along(e, np.ones_like(e.manual))}
    for name, pattern in {**e.arrays, **e.run_forward()}.items():
        alone = constant.union(_missing_along(e, pattern))
        for axis in _missing_along(e, pattern, beside_constant=True):
            if axis not in alone:
                both = f"a mean or a sum and a term proportional to {name}"
                return f"{both} along {in_words(axis)} are missing"
    return ""


def _along_an_axis(e: Evidence, patterns: Mapping[str, Array]) -> str:
    for name, pattern in patterns.items():
        for axis in _missing_along(e, pattern):
            what = f"a term proportional to {name}" if name else "a mean or a sum"
            how = "" if name else ": the residual is constant there"
            return f"{what} along {in_words(axis)} is missing{how}"
    return ""


def _missing_along(e: Evidence, pattern: Array, *, beside_constant: bool = False) -> Iterator[Axes]:
    """Yield sets of axes along which the residual is the pattern times a weight per line.

    beside_constant    plus a constant per line
    """
    residual = e.manual - e.reference
    if pattern.shape != residual.shape or not pattern.any():
        return
    for axis in _sets(residual.shape):
        lines = residual.size // max(math.prod(residual.shape[i] for i in axis), 1)
        weights, spare = (2 * lines, 4) if beside_constant else (lines, 2)
        if residual.size - weights < spare:
            continue  # so few entries fit by chance
        rest, apart = residual, pattern
        with np.errstate(all="ignore"):
            if beside_constant:
                rest, apart = (a - a.mean(axis=axis, keepdims=True) for a in (rest, apart))
            part = np.nan_to_num(residual - (rest - share(rest, apart, axis)))
        if e.fits(part, against=residual) and (np.abs(part) > e.bound).any():
            yield axis


def _sets(shape: tuple[int, ...]) -> Iterator[Axes]:
    """Yield all sets of axes, the most axes first: what is so along them is so along fewer."""
    long = [axis for axis, n in enumerate(shape) if n > 1][-_RANK:]
    for n in range(len(long), 0, -1):
        yield from reversed(list(itertools.combinations(long, n)))


def share(of: Array, pattern: Array, axis: Axes) -> Array:
    """The part of an array that is proportional to the pattern along an axis."""
    weight = (pattern * pattern).sum(axis=axis, keepdims=True)
    return np.asarray((of * pattern).sum(axis=axis, keepdims=True) / weight * pattern)
