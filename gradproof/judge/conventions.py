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
from gradproof.judge.verdict import Finding
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import Comparison
from gradproof.subject import passes
from gradproof.subject.passes import Misconduct

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
    wrong = [f for f in found if f.verdict == "disagree" and f.comparison is not None]
    gradients = [f for f in wrong if f.quantity in case.arrays]
    if not gradients or len(gradients) < len(wrong):
        return
    if not jumps(twin, case, _FIRST):
        return
    hull = jumps(twin, case, _DIRECTIONS)
    for f in gradients:
        c = f.comparison
        if c is None or f.quantity not in hull:
            continue
        over = c.error > c.bound
        low, high = _widened(twin, case, f, hull[f.quantity], over)
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
    twin: Callable[..., Any], case: Case, f: Finding, hull: tuple[Array, Array], over: Array
) -> tuple[Array, Array]:
    """The hull with points where an entry has what manual has chosen for it.

    Of many equal numbers a random direction rarely chooses that one; with its step and that of the
    one that was chosen exchanged, it does.
    """
    case = wide(case)
    c, at, (low, high) = f.comparison, [*case.arrays].index(f.quantity), hull
    assert c is not None
    missing = np.flatnonzero(over & ((c.manual < low) | (c.manual > high)))[:_MISSING]
    (step,) = islice(random_steps(case, 1), 1)
    for chosen in _gradients(twin, case, case.dy, f.quantity, [step] if len(missing) else []):
        others = [int(np.abs(chosen - c.manual.flat[i]).argmin()) for i in missing]
        pairs = zip(others, missing, strict=True)
        steps = [{at: _exchanged(step[at], i, int(j))} for i, j in pairs]
        for g in _gradients(twin, case, case.dy, f.quantity, steps):
            low, high = np.minimum(low, g), np.maximum(high, g)
    return low, high


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
    for dy in _single(case):
        try:
            ran = passes.forward(case.layer, received(case))
            manual = passes.backward(case.layer, ran, dy).get(name)
        except Misconduct:  # it does not take float64
            return False
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


def _single(case: Case) -> Iterator[tuple[Array | None, ...]]:
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
    twin: Callable[..., Any],
    case: Case,
    dy: tuple[Array | None, ...],
    name: str,
    v: Array,
    manual: Array,
) -> list[Array]:
    """Gradients at points around: both ways along v, in random directions, and on manual's side.

    Of many equal numbers a random direction rarely chooses the one that manual has chosen; with the
    steps of that one and of the one that was chosen exchanged, it does.
    """
    at = [*case.arrays].index(name)
    steps: list[dict[int, Any]] = [{at: v}, {at: -v}, *random_steps(case, 8)]
    for step in random_steps(case, 2):
        chosen = next(_gradients(twin, case, dy, name, [step]), None)
        if chosen is not None and chosen.size:
            winner, most = int(np.abs(chosen).argmax()), np.argsort(-np.abs(manual), axis=None)
            steps += [{at: _exchanged(step[at], winner, int(i))} for i in most[:_CHOSEN]]
    return list(_gradients(twin, case, dy, name, steps))


def _exchanged(step: Array, i: int, j: int) -> Array:
    other = step.copy()
    other.flat[[i, j]] = step.flat[[j, i]]
    return other


def _gradients(
    twin: Callable[..., Any], case: Case, dy: Any, name: str, steps: Sequence[dict[int, Any]]
) -> Iterator[Array]:
    for gradients in gradients_beside(twin, case, dy, steps):
        if (g := gradients[name]) is not None:
            yield g
