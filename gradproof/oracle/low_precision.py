"""PyTorch's side of a case in bfloat16 or float16: three runs, and what one rounding explains.

The truth is the reference in float64, on the same numbers. A kernel may be off by two things: what
float32 arithmetic inside loses, which is measured as for float32, and the last rounding. Where the
reference itself, run in low precision, rounds more often, its own errors are a part of the bound:
it says where a kernel may round.

    |m̃ − truth| ≤ max(C × floor, MORE × how far the reference is off)

m̃ is what may have been rounded to manual's number: of all that rounds to it, what is nearest to
the truth.

Source    Higham, Accuracy and Stability of Numerical Algorithms (2002), §2.1, §4.2
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradproof.arrays import FLOATING, Array, beside
from gradproof.cases.case import Case, in_precision, received, smooth_names, wide
from gradproof.oracle import tensors
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import C, Comparison
from gradproof.subject.low_precision import LOW, before_rounding, held, rounds_to

MORE = 4.0
"""Errors of up to so many times the reference's own are rounding."""
_COARSER = {"bfloat16": 2.0**16, "float16": 2.0**13}
"""The roundoff of the dtype in units of that of float32."""
_BESIDE = 5
"""Cases close by in which the reference's error is taken, beside three runs of the case itself."""


class LowOracle(Oracle):
    """A twin in float32, whose noise is measured; beside it the same in low precision and float64.

    `y` and what `pull` returns are in low precision, for their form alone.
    """

    def __init__(self, twin: Callable[..., Any], case: Case) -> None:
        function = partial(twin, case.layer)
        super().__init__(function, case.arrays, case.smooth)
        self._twin, self._case = twin, case
        self._rough = _rough(twin, case)
        self.y = self._rough.y
        self._compared: dict[str, Comparison] = {}
        self._coarser = _COARSER[case.low]

    def repeats(self) -> bool:
        return self._rough.repeats()

    def own_backward(self) -> str:
        return self._rough.own_backward()

    def pull(self, dy: Sequence[Array | None]) -> dict[str, Array | None]:
        super().pull(dy)
        self._case = replace(self._case, dy=tuple(dy))
        self._truth = Oracle.of(self._twin, wide(self._case)).results(dy)
        return self._rough.pull([*_dy(self._case)])

    def compared(
        self,
        quantity: str,
        manual: Array,
        reference: Array,  # noqa: ARG002  (what is right is the truth)
        scale: float,
    ) -> Comparison:
        """Manual's number before it was rounded, beside the truth."""
        truth = self._truth.get(quantity)
        truth = np.zeros(manual.shape) if truth is None else truth  # nothing depends on it
        if manual.dtype.name not in LOW:
            return Comparison(manual, truth.astype(manual.dtype), scale)
        nearest, _ = before_rounding(manual, truth)
        c = self._compared[quantity] = _single(nearest, truth, scale, manual)
        return c

    def alike(self, quantity: str, manual: Array, other: Array, scale: float) -> Comparison:
        """A second gradient beside the first; what lies between that and the truth is right too."""
        wide, truth = manual.astype(np.float64), self._truth.get(quantity, np.nan)
        manual = np.where(np.isfinite(wide), manual, other)  # twice as much may be too large
        low, high = rounds_to(other)
        low, high = np.fmin(low, truth), np.fmax(high, truth)
        nearest, _ = before_rounding(manual, np.clip(wide, low, high))
        return _single(nearest, np.clip(nearest, low, high), scale, manual)

    def thorough_samples(self, backward: Callable[[], bool] = lambda: True) -> Iterator[Any]:
        """The same in float32; then how far the reference is off in low precision."""
        yield from super().thorough_samples(backward)
        yield from self._own_errors()

    def _own_errors(self) -> Iterator[dict[str, Array]]:
        for case, laid in self._runs():
            try:
                truth = Oracle.of(self._twin, wide(case)).results(case.dy)
                rough = _rough(self._twin, case, laid).results([*_dy(case)])
            except tensors.ReferenceFault:  # moved out of the function's domain
                continue
            yield {
                n: _own_error(a, truth[n], self._coarse(n))
                for n, a in rough.items()
                if a.dtype.kind in FLOATING
            }

    def _runs(self) -> Iterator[tuple[Case, bool]]:
        """The case and others close by, and whether the arrays lie in memory as manual's do."""
        r = np.random.default_rng(0)
        yield self._case, False
        yield self._case, True
        for k in range(_BESIDE):
            yield _beside(self._case, r), k % 2 == 1
        twice = tuple(None if d is None else -2 * d for d in self._case.dy)
        yield replace(self._case, dy=twice), True  # as manual's backward is called again

    def _coarse(self, quantity: str) -> Array | float:
        """The noise of float32, as it would be if all arithmetic were in low precision."""
        c = self._compared.get(quantity)
        return 0.0 if c is None or c.exact else c.floor.astype(np.float64) * self._coarser


def _dy(case: Case) -> Iterator[Array | None]:
    return (in_precision(case, d) for d in case.dy)


def _rough(twin: Callable[..., Any], case: Case, laid: bool = False) -> Oracle:
    """The twin in low precision.

    laid    whether its tensors lie in memory as manual's arrays do: torch may then add otherwise
    """
    arrays = dict(zip(case.arrays, received(case), strict=True))
    return Oracle(partial(twin, case.layer), arrays, case.smooth, laid)


def _single(manual: Array, reference: Array, scale: float, returned: Array) -> Comparison:
    with np.errstate(all="ignore"):
        before, right, after = (a.astype(np.float32) for a in (manual, reference, returned))
        return Comparison(before, right, scale, after)


def _own_error(rough: Array, truth: Array, coarse: Array | float) -> Array:
    """How far the reference is off beyond its last rounding, as a floor.

    Every entry may be as far off as the worst one, as a share of what arithmetic in low precision
    would lose there.

    coarse    what it would lose
    """
    with np.errstate(all="ignore"):
        if rough.dtype.name in LOW:
            nearest, half = before_rounding(rough, truth)
        else:
            nearest, half = rough, np.zeros(rough.shape)
        off = np.abs(nearest - truth)
        off = np.where(np.isnan(truth), 0.0, np.where(np.isnan(off), np.inf, off))
        lost = np.maximum(half, coarse)
        share = np.where(lost > 0, np.minimum(off / lost, 1.0), 0.0).max(initial=0.0)
        return np.asarray(np.maximum(off, share * lost) * (MORE / C))


def _beside(case: Case, r: np.random.Generator) -> Case:
    """The case with every number that has a gradient replaced by one of the two beside it."""
    arrays = dict(case.arrays)
    for name in smooth_names(case):
        arrays[name] = held(beside(in_precision(case, arrays[name]), r))
    return replace(case, arrays=arrays)


def oracle_of(twin: Callable[..., Any], case: Case) -> Oracle:
    """The twin on the arrays of a case, in the case's precision."""
    return LowOracle(twin, case) if case.is_low else Oracle.of(twin, case)
