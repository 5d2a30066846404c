"""The bound: how much of a difference is rounding, measured element by element.

    |manual − reference| ≤ C × floor
    floor = max(u |g|, max_k |g_k − g|) + least

where g_k is the reference with its arithmetic disturbed in the last place, and g the same run
undisturbed. `least` is what underflow may lose: the smallest normal number, times the size of the
data that may multiply it afterwards. Nothing of manual enters the floor, so a wrong gradient cannot
raise its own bound. Samples are taken only until everything is within the bound: each can only
raise it, so an early acceptance is the verdict that all of the samples would have given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

C = 16.0
"""Errors of up to C noise floors are rounding; see docs/decisions."""


@cache
def _limits(dtype: Any) -> tuple[float, float]:
    """Unit roundoff and the smallest normal number."""
    info = np.finfo(dtype)
    return float(info.eps) / 2, float(info.smallest_normal)


class Comparison:
    """Two arrays of the same shape and dtype, and the floor measured so far.

    scale    size of the data by which an underflowed number may be multiplied
    """

    def __init__(self, manual: Array, reference: Array, scale: float = 1.0) -> None:
        self.manual, self.reference, self.scale = manual, reference, scale
        self.exact = bool(np.array_equal(manual, reference))
        self.samples = 0
        self._within = False
        self._roundoff, normal = _limits(reference.dtype)
        self._least = normal * scale
        if self.exact:
            return
        with np.errstate(all="ignore"):
            error = np.abs(manual - reference)
            if not np.isfinite(error).all():
                error = np.where(np.isnan(error), np.inf, error)
                error = np.where(same(manual, reference), 0.0, error)
        self.floor = self._first_floor()
        self.error = error

    def _first_floor(self) -> Array:
        with np.errstate(all="ignore"):
            floor = np.abs(self.reference) * self._roundoff + self._least
        return np.where(np.isfinite(floor), floor, 0.0)

    def add(self, disturbed: Array, undisturbed: Array) -> None:
        """One more sample of the noise; where only one side is finite, anything may be."""
        self.samples += 1
        if self.exact:
            return
        with np.errstate(all="ignore"):
            noise = np.abs(disturbed - undisturbed) + self._least
            if not np.isfinite(noise).all():
                noise = np.where(same(disturbed, undisturbed), self._least, noise)
                noise = np.where(np.isfinite(noise), noise, np.inf)
        self.floor = np.maximum(self.floor, noise)

    @property
    def bound(self) -> Array:
        floor = self._first_floor() if self.exact else self.floor
        with np.errstate(over="ignore"):
            return np.asarray(C * floor)

    def within(self) -> bool:
        if not (self.exact or self._within):  # once within, always within: the floor only grows
            self._within = bool(np.all(self.error <= self.bound))
        return self.exact or self._within


def same(a: Array, b: Array) -> Array:
    """Equal infinities, and NaN on both sides, are no difference."""
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def settle(comparisons: Mapping[str, Comparison], samples: Iterable[Mapping[str, Any]]) -> int:
    """Take samples {quantity: (disturbed, undisturbed)} until all is within its bound.

    Returns the number of samples taken.
    """
    taken = 0
    if within(comparisons):
        return taken
    for sample in samples:
        taken += 1
        for quantity, (disturbed, undisturbed) in sample.items():
            if quantity in comparisons:
                comparisons[quantity].add(disturbed, undisturbed)
        if within(comparisons):
            break
    return taken


def within(comparisons: Mapping[str, Comparison]) -> bool:
    """Whether all are within their bounds."""
    return all(c.within() for c in comparisons.values())


@dataclass(frozen=True)
class Figures:
    """What a comparison says in numbers; the fields are those of `records.Agreement`."""

    max_abs_diff: float
    max_ulp_diff: float
    worst_ratio: float
    worst_index: tuple[int, ...]
    manual: float
    reference: float
    bound: float
    n_over: int
    cosine: float
    norm_ratio: float


def vacuous(c: Comparison) -> str:
    """Why a comparison could not have failed, or ""."""
    if c.reference.size == 0:
        return "empty"
    if not c.reference.any():
        return "all zero"
    blind = not c.exact and bool((c.bound >= np.abs(c.reference)).all())
    return "bound as large as the values" if blind else ""


def figures(c: Comparison) -> Figures:
    """Summarise a comparison."""
    m, r = c.manual, c.reference
    if r.size == 0:
        return Figures(0.0, 0.0, 0.0, (), np.nan, np.nan, np.nan, 0, np.nan, np.nan)
    if c.exact:
        at = int(np.abs(r).argmax()) if r.any() else 0
        value = float(r.flat[at])
        index = tuple(int(i) for i in np.unravel_index(at, r.shape))
        bound = C * abs(value) * _limits(r.dtype)[0]
        one = 1.0 if r.any() else np.nan
        return Figures(0.0, 0.0, 0.0, index, value, value, bound, 0, one, one)
    with np.errstate(all="ignore"):
        bound_all = c.bound
        ratio = np.asarray(c.error / bound_all)
        # An infinite error where the noise is infinite as well is no evidence.
        ratio = np.where(np.isnan(ratio), 0.0, ratio)
        at = int(ratio.argmax())
        index = tuple(int(i) for i in np.unravel_index(at, r.shape))
        ulps = float(np.fmax.reduce(c.error / np.spacing(np.abs(r)), axis=None, initial=0.0))
        wide_m, wide_r = (a.astype(np.float64, copy=False).ravel() for a in (m, r))
        scale = np.abs(wide_r).max() or 1.0
        wide_m, wide_r = wide_m / scale, wide_r / scale
        norm_m, norm_r = float(np.sqrt(wide_m @ wide_m)), float(np.sqrt(wide_r @ wide_r))
        cosine = float(wide_m @ wide_r) / (norm_m * norm_r) if norm_m and norm_r else np.nan
    return Figures(
        float(c.error.max()),
        ulps,
        float(ratio.flat[at]),
        index,
        float(m.flat[at]),
        float(r.flat[at]),
        float(bound_all.flat[at]),
        int((ratio > 1).sum()),
        cosine,
        norm_m / norm_r if norm_r else np.nan,
    )
