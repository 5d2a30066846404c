"""The bound: how much of a difference is rounding, measured element by element.

    |manual − reference| ≤ C × floor
    floor = max(u |g|, max_k |g_k − g|, max_j e_j) + least

where g_k is the reference with its arithmetic disturbed in the last place, and g the same run
undisturbed; for a sum of products, u Σ |term| is one more of these. e_j is the error of the kernel
that ran, at a point close by. `least` is what underflow may lose: the smallest normal number, times
the size of the data that may multiply it afterwards.

Nothing of manual enters the floor, so a wrong gradient cannot raise its own bound. Sampling stops
as soon as everything is within the bound: a sample can only raise it, so the verdict is the one
that all samples would have given. Where the margin is to be seen, errors above a quarter of their
bound get all samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradproof.rounding.parts import Array, by_parts, parts

_LEFT = 1 / 4
"""The share that a sample may leave on average, to be worth its time."""
_GROSS = 2.0**20
"""An error so many times its bound is no rounding, whatever more samples would say."""
C = 16.0
"""Errors of up to C noise floors are rounding; `make calibrate` measures what C buys."""
ENOUGH = 1.0
"""The share of its bound up to which an error needs no more samples."""
FAR_BELOW = 0.25
"""The same where the margin is to be seen."""


@cache
def _limits(dtype: Any) -> tuple[float, float]:
    """Unit roundoff and the smallest normal number."""
    info = np.finfo(dtype)
    return float(info.eps) / 2, float(info.smallest_normal)


class Comparison:
    """Two arrays of the same shape and dtype, and the floor measured so far.

    scale       size of the data by which an underflowed number may be multiplied
    returned    what manual returned, where `manual` is what it may have been before it was rounded
    """

    def __init__(
        self,
        manual: Array,
        reference: Array,
        scale: float = 1.0,
        returned: Array | None = None,
    ) -> None:
        self.manual, self.reference, self.scale = manual, reference, scale
        self.returned = manual if returned is None else returned
        self.samples = 0
        self._open: Array | None = None  # flat indices of the unsettled; not known yet
        self._raised, self._enough = True, ENOUGH
        self._roundoff, normal = _limits(reference.dtype)
        self._least = normal * scale
        self.error = by_parts(_distance, manual, reference)
        largest = _largest(self.error)
        if math.isfinite(largest):
            self.exact = largest == 0
        else:
            self.error = np.where(np.isnan(self.error), np.inf, self.error)
            self.error = np.where(same(manual, reference), 0.0, self.error)
            self.exact = bool(np.array_equal(manual, reference))
        if not self.exact:
            self.floor = self._first_floor()

    def _first_floor(self) -> Array:
        return by_parts(self._of_terms, self.reference)

    def _of_terms(self, terms: Array) -> Array:
        """The rounding of sums whose terms add up to these; what overflowed says nothing."""
        noise = np.asarray(np.abs(terms))
        noise *= self._roundoff
        noise += self._least
        return noise if _finite(noise) else np.where(np.isfinite(noise), noise, 0.0)

    def _noise(self, disturbed: Array, undisturbed: Array) -> Array:
        noise = _distance(disturbed, undisturbed)
        noise += self._least
        if not _finite(noise):
            noise = np.where(same(disturbed, undisturbed), self._least, noise)
            noise = np.where(np.isfinite(noise), noise, np.inf)
        return noise

    def add(self, disturbed: Array, undisturbed: Array) -> None:
        """Add a sample of the noise; where only one side is finite, the noise is infinite."""
        self._raise(self._noise, disturbed, undisturbed)

    def add_terms(self, terms: Array) -> None:
        """Add Σ |term| of the sum that each entry is: u times it is rounding."""
        self._raise(self._of_terms, terms)

    def add_error(self, error: Array) -> None:
        """Add how far the reference itself is off, entry by entry."""
        self._raise(lambda part: part.astype(self.reference.dtype, copy=False), error)

    def _raise(self, noise: Callable[..., Array], *given: Array) -> None:
        self.samples += 1
        if not self.exact:
            with np.errstate(all="ignore"):
                for part in parts(self.floor.shape):
                    floor = self.floor[part]
                    np.maximum(floor, noise(*(a[part] for a in given)), out=floor)
            self._raised = True

    @property
    def bound(self) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(C * (self._first_floor() if self.exact else self.floor))

    def unsettled(self) -> int:
        """How many entries need more samples: fewer and fewer, so only those are looked at."""
        if self.exact:
            return 0
        if self._raised:
            self._raised = False
            enough = self._enough * C
            over = lambda error, floor: ~(error <= enough * floor)  # noqa: E731
            if self._open is None:
                self._open = np.flatnonzero(by_parts(over, self.error, self.floor))
            else:
                left = self._errors_left(), self.floor.reshape(-1)[self._open]
                self._open = self._open[by_parts(over, *left)]
        return 0 if self._open is None else self._open.size

    def _errors_left(self) -> Array:
        return np.asarray(self.error.reshape(-1)[self._open])

    def hopeless(self) -> bool:
        """Whether an entry is so far over its bound that no sample will help."""
        if not self.unsettled():
            return False
        with np.errstate(over="ignore"):
            far = _GROSS * C * self.floor.reshape(-1)[self._open]
        return bool((self._errors_left() > far).any())

    def within(self) -> bool:
        """Whether no entry is over its bound."""
        if not self.unsettled():
            return True
        with np.errstate(over="ignore"):
            bound = C * self.floor.reshape(-1)[self._open]
        return bool((self._errors_left() <= bound).all())


def _distance(a: Array, b: Array) -> Array:
    made = np.asarray(a - b)
    np.abs(made, out=made)
    return made


def _largest(array: Array) -> float:
    return float(np.maximum.reduce(array, axis=None, initial=0.0))


def _finite(array: Array) -> bool:
    """Whether all numbers are finite; they are not negative, so the largest decides."""
    return math.isfinite(_largest(array))


def same(a: Array, b: Array) -> Array:
    """Where two arrays are equal; NaN on both sides counts as equal."""
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def settle(
    comparisons: Mapping[str, Comparison],
    samples: Iterable[Mapping[str, Any]],
    while_it_pays: bool = False,
) -> int:
    """Take samples until all is within its bound.

    samples          {quantity: (disturbed, undisturbed)}, or {quantity: how far torch is off}
    while_it_pays    stop as well where a sample does not settle most of what is left

    Returns the number of samples taken.
    """
    taken = 0
    left = _unsettled(comparisons)
    most = float(left)
    for sample in samples if left else ():
        taken += 1
        for quantity, noise in sample.items():
            c = comparisons.get(quantity)
            if c is None or not c.unsettled():  # its verdict stands: the floor only grows
                continue
            if isinstance(noise, tuple):
                c.add(*noise)
            else:
                c.add_error(noise)
        left, most = _unsettled(comparisons), most * _LEFT
        if not left or (while_it_pays and left > most):
            break
    return taken


def _unsettled(comparisons: Mapping[str, Comparison]) -> int:
    return sum(c.unsettled() for c in comparisons.values())


def all_settled(comparisons: Mapping[str, Comparison]) -> bool:
    """Whether no entry needs more samples."""
    return not any(c.unsettled() for c in comparisons.values())


@contextmanager
def visible_margins() -> Iterator[None]:
    """Within it samples are taken until errors are far below their bounds, or no sample is left.

    Otherwise most errors would lie just below: sampling stops as soon as the verdict is known.
    """
    global ENOUGH  # noqa: PLW0603  (one case is judged at a time)
    before, ENOUGH = ENOUGH, FAR_BELOW
    try:
        yield
    finally:
        ENOUGH = before


@dataclass(frozen=True)
class Figures:
    """A comparison in numbers; the fields are those of `storage.rows.Agreement`."""

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


ZERO = "all zero"
NOTHING_FINITE = "no number is finite"
BLIND = "bound as large as the values"
_FEW = 64
"""For most arrays the first entries already decide; so many are looked at first."""


def vacuous(c: Comparison) -> str:
    """Why a comparison could not have failed, or ""."""
    if c.reference.size == 0:
        return "empty"
    if not c.exact and _visible(c.floor.flat[:_FEW], c.reference.flat[:_FEW]):
        return ""
    if not c.reference.any():
        return ZERO
    if not np.isfinite(c.reference).any():
        return NOTHING_FINITE
    visible = c.exact or _visible(c.floor, c.reference)
    return "" if visible else BLIND


def _visible(floor: Array, reference: Array) -> bool:
    """Whether any entry is larger than its bound."""
    with np.errstate(over="ignore"):
        return not (C * floor >= np.abs(reference)).all()


def figures(c: Comparison) -> Figures:
    """Summarise a comparison."""
    m, r = c.returned, c.reference
    if r.size == 0:
        return Figures(0.0, 0.0, 0.0, (), np.nan, np.nan, np.nan, 0, np.nan, np.nan)
    if c.exact:
        at = int(np.abs(r).argmax()) if r.any() else 0
        value = float(r.flat[at])
        index = tuple(int(i) for i in np.unravel_index(at, r.shape))
        bound = C * abs(value) * _limits(r.dtype)[0]
        one = 1.0 if r.any() else np.nan
        return Figures(0.0, 0.0, 0.0, index, float(m.flat[at]), value, bound, 0, one, one)
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
