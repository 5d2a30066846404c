"""Another choice than torch's at a kink or tie, if it is one.

A valid choice is a convex combination g of the gradients close by. Then for every direction
v the slope ⟨g, v⟩ lies between the least and the greatest of theirs. That each entry lies between
its own least and greatest is not enough: of max(a, a), (1, 1) is no subgradient.

Source    Clarke, Optimization and Nonsmooth Analysis (1990), §2.1
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from gradproof.arrays import Array, frozen
from gradproof.cases.case import Case, received, wide
from gradproof.judge.kinks import gradients_beside, jumps, random_steps
from gradproof.judge.verdict import Finding, disagreements
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import Comparison
from gradproof.subject import passes
from gradproof.subject.passes import Dy, Misconduct

_OUTPUTS = 32
"""The most numbers of the outputs whose gradient is looked at."""
_DIRECTIONS = 24
"""Random directions in which one-sided derivatives are looked for: three have six orders."""
_FIRST = 2
"""The directions in which something has to jump, or there is no kink."""
_MISSING = 32
"""Entries for which a point is looked for where torch has what manual has."""
_CHOSEN = 4
"""Entries that manual may have chosen at a tie."""
_CLOSE = 2.0**-36
"""How far a derivative close by may be off, as a share of the largest: it has a slope itself."""
_CROSSINGS = 16
"""Disturbed runs of torch that may cross a kink."""
_ALIKE = 2.0**-20
"""How near slopes are to be, as a share of the terms that they are the sum of."""


def conventions(twin: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement a `convention` where every wrong entry is another choice at a kink.

    It is `reference` where manual's is a choice and torch's is none.
    """
    wrong = disagreements(found)
    if not wrong or any(f.is_output for f, _ in wrong) or not jumps(twin, case, _FIRST):
        return
    hull = jumps(twin, case, _DIRECTIONS)
    for f, c in wrong:
        if f.quantity not in hull:
            continue
        over = c.error > c.bound
        low, high = _widened(twin, case, f.quantity, c, hull[f.quantity])
        jumps_here = (high - low > c.bound)[over].any()
        slack = c.bound + _CLOSE * max(np.abs(low).max(), np.abs(high).max())
        manuals, torchs = (
            jumps_here and ((a >= low - slack) & (a <= high + slack))[over].all()
            for a in (c.manual.astype(np.float64), c.reference.astype(np.float64))
        )
        if manuals and _rounding_decides(twin, case, f.quantity, c, over):
            f.verdict, f.cause = "agree", "a kink lies within rounding"
            continue
        if not manuals or _no_combination(twin, case, f.quantity):
            continue
        if torchs:
            f.verdict, f.choice = "convention", True
            f.cause = "another one-sided derivative than torch's, at a kink or tie"
        else:
            f.verdict, f.cause = "reference", "PyTorch's is no one-sided derivative at this kink"


def _widened(
    twin: Callable[..., Any], case: Case, name: str, c: Comparison, hull: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The hull with points where torch has for an entry what manual has."""
    low, high = hull
    outside = (c.error > c.bound) & ((c.manual < low) | (c.manual > high))
    missing = np.flatnonzero(outside)[:_MISSING]
    case = wide(case)
    steps = _towards(twin, case, case.dy, name, c.manual, missing, 1) if len(missing) else []
    for g in _gradients(twin, case, case.dy, name, steps):
        low, high = np.minimum(low, g), np.maximum(high, g)
    return low, high


def _towards(
    twin: Callable[..., Any],
    case: Case,
    dy: Dy,
    name: str,
    manual: Array,
    entries: Array,
    count: int,
) -> list[dict[int, Any]]:
    """Steps to points where torch may have for these entries what manual has.

    count    of the random steps that they are made of

    Of many equal numbers a random direction rarely chooses the one that manual has chosen; with the
    steps of that one and of the one that was chosen exchanged, it does.
    """
    at = [*case.arrays].index(name)
    found = []
    for step in islice(random_steps(case, count), count):
        for chosen in _gradients(twin, case, dy, name, [step]):
            for i in entries:
                other = int(np.abs(chosen - manual.flat[i]).argmin())
                found.append({at: _exchanged(step[at], other, int(i))})
    return found


def _rounding_decides(
    twin: Callable[..., Any], case: Case, name: str, c: Comparison, over: Array
) -> bool:
    """Whether torch itself comes to manual's side of the kink with other last digits."""
    oracle = Oracle.of(twin, case)
    oracle.pull(case.dy)
    made = [g[name] for g in oracle.crossing_gradients(_CROSSINGS)]
    torchs = np.array([g for g in made if g is not None])
    low, high = torchs.min(axis=0) - c.bound, torchs.max(axis=0) + c.bound
    return bool(((c.manual >= low) & (c.manual <= high))[over].all())


def _no_combination(twin: Callable[..., Any], case: Case, name: str) -> bool:
    """Whether manual's gradient for an argument is no combination of those close by."""
    case = wide(case)
    oracle = Oracle.of(twin, case)
    try:
        ran = passes.forward(case.layer, received(case))
        pairs = [(dy, passes.backward(case.layer, ran, dy).get(name)) for dy in _single(case)]
    except Misconduct:  # it does not take float64
        return False
    for dy, manual in pairs:
        torchs = oracle.pull(dy)[name]
        if manual is None or torchs is None or not _differ(manual, torchs):
            continue
        v = np.sign(manual) * np.random.default_rng(0).uniform(0.5, 1.0, manual.shape)
        slopes = [torchs, *_close_by(twin, case, dy, name, v, manual)]
        along = [float((g * v).sum()) for g in slopes]
        slack = _ALIKE * max(float(np.abs(g * v).sum()) for g in (manual, *slopes))
        if not min(along) - slack <= float((manual * v).sum()) <= max(along) + slack:
            return True
    return False


def _single(case: Case) -> Iterator[Dy]:
    """Cotangents that are 0 but for one 1."""
    for k, dy in enumerate(case.dy):
        if dy is None:
            continue
        for at in range(min(dy.size, _OUTPUTS)):
            one = np.zeros(dy.shape)
            one.flat[at] = 1
            zeros = [None if d is None else frozen(np.zeros(d.shape)) for d in case.dy]
            yield tuple(frozen(one) if i == k else z for i, z in enumerate(zeros))


def _differ(a: Array, b: Array) -> bool:
    return bool((np.abs(a - b) > _ALIKE * np.maximum(np.abs(a), np.abs(b))).any())


def _close_by(
    twin: Callable[..., Any], case: Case, dy: Dy, name: str, v: Array, manual: Array
) -> list[Array]:
    """Gradients at points around: both ways along v, in random directions, and towards manual."""
    at = [*case.arrays].index(name)
    most = np.argsort(-np.abs(manual), axis=None)[:_CHOSEN]
    steps = [{at: v}, {at: -v}, *random_steps(case, 8)]
    steps += _towards(twin, case, dy, name, manual, most, 4)
    return list(_gradients(twin, case, dy, name, steps))


def _exchanged(step: Array, i: int, j: int) -> Array:
    other = step.copy()
    other.flat[[i, j]] = step.flat[[j, i]]
    return other


def _gradients(
    twin: Callable[..., Any], case: Case, dy: Dy, name: str, steps: Sequence[dict[int, Any]]
) -> Iterator[Array]:
    for gradients in gradients_beside(twin, case, dy, steps):
        if (g := gradients[name]) is not None:
            yield g
