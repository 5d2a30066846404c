"""Asking again: the same layer on other numbers, since one number can be explained by anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from gradproof.clock import Clock
from gradproof.fill import Array
from gradproof.subject import Subject
from gradproof.verdict import Finding

Move: TypeAlias = Callable[[Array | None, np.random.Generator], Any]

TIMES = 6
"""Other cases that are tried; those that agree say nothing."""


def again(subject: Subject, finding: Finding) -> Iterator[tuple[Finding, Sequence[Finding]]]:
    """The finding on the same array in other cases that disagree as well, with its siblings.

    They have other cotangents, and inputs of the same signs, zeros and domain. Nothing for a
    network: there it is the program that matters.
    """
    for found in _cases(subject, finding, _moved):
        same = _same_array(finding, found)
        if same is not None and same.failed:
            yield same, [f for f in found if f is not same]


def right_apart(subject: Subject, finding: Finding) -> bool:
    """Whether the array is right as soon as the inputs are moved off every kink and tie."""
    found = [_same_array(finding, case) for case in _cases(subject, finding, _off)]
    return any(found) and not any(f is not None and f.failed for f in found)


def _same_array(finding: Finding, found: Sequence[Finding]) -> Finding | None:
    same = (f for f in found if f.quantity == finding.quantity and f.comparison is not None)
    return next(same, None)


def _cases(subject: Subject, finding: Finding, move: Move) -> Iterator[Sequence[Finding]]:
    if hasattr(finding.case.layer, "steps"):
        return
    for seed in range(TIMES):
        r = np.random.default_rng([finding.case.seed, seed])
        try:
            yield _judged(subject, finding, r, move)
        except (ValueError, RuntimeError, IndexError):  # it was moved out of its domain
            continue


def _judged(
    subject: Subject, finding: Finding, r: np.random.Generator, move: Move
) -> Sequence[Finding]:
    from gradproof.judge import judge_layer
    from gradproof.steps import apart, judge_step

    case = replace(finding.case, dtype="float64")
    moves = ("real", "param")
    arrays = {n: move(a, r) if case.kinds[n] in moves else _wide(a) for n, a in case.arrays.items()}
    if hasattr(case.layer, "forward"):
        dy = tuple(None if d is None else np.asarray(r.standard_normal(d.shape)) for d in case.dy)
        return judge_layer(subject, replace(case, arrays=arrays, dy=dy), Clock()).findings
    before = {n: a if _counts(n, a) else _moved(a, r) for n, a in finding.before.items()}
    grads, state = apart(before)
    return judge_step(subject, finding.layer, replace(case, arrays=arrays), grads, state, Clock())[
        0
    ]


def _counts(name: str, a: Array) -> bool:
    """An optimiser's counters are single numbers in single precision."""
    return not name.endswith(".grad") and a.ndim == 0 and a.dtype == np.float32


def _moved(a: Array | None, r: np.random.Generator) -> Any:
    """Nearer to 0, by another share for each entry."""
    return None if a is None else np.asarray(_wide(a) * r.uniform(0.5, 1, a.shape))


def _off(a: Array | None, r: np.random.Generator) -> Any:
    """Up by another share of the largest for each entry, and all of them nearer to 0."""
    if a is None:
        return None
    size = np.abs(a).max(initial=0.0) or 1.0
    return np.asarray(0.98 * _wide(a) + 0.01 * size * r.uniform(0.2, 1, a.shape))


def _wide(a: Any) -> Any:
    """In float64; whole numbers stay as they are."""
    return a if a is None or a.dtype.kind != "f" else np.asarray(a, dtype=np.float64)
