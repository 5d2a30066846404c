"""The smallest error that the judge still sees in a layer: in one entry of one gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.campaign.watch import Watch, unwatched
from gradproof.judge.compare import measure
from gradproof.judge.verdict import Finding, Judgement
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import Comparison
from gradproof.subject.subject import Subject

FIRST, LAST = 3, 17
"""Relative errors from 1e-3 down; below 1e-17 no double changes."""
DRAWS = 8
"""Cases drawn per case wanted: half have the other dtype, and some are vacuous."""


def sensitivity(subject: Subject, task: Task, watch: Watch = unwatched) -> dict[str, float]:
    """The smallest relative error, as a power of ten, that half of the cases show; by dtype.

    The error is planted in a random nonzero entry of a random gradient. A dtype without a usable
    case, or in which even 1e-3 is missed, is left out.

    task     of the layer; its count is the number of cases of each dtype
    """
    cases, seed = task.count, task.seed
    caught: dict[str, list[list[bool]]] = {"float64": [], "float32": []}
    for i, finding in enumerate(_plantable(subject, task, watch)):
        dtype = finding.case.dtype
        if len(caught[dtype]) < cases:
            generator = np.random.default_rng([seed, i])
            caught[dtype].append(_caught(subject, finding, generator))
        if all(len(c) == cases for c in caught.values()):
            break
    found = {}
    for dtype, seen in caught.items():
        shares = np.mean(seen, axis=0) if seen else np.zeros(0)
        decades = [k for k, share in enumerate(shares, FIRST) if share >= 0.5]
        if decades:
            found[dtype] = float(f"1e-{decades[-1]}")
    return found


def _plantable(subject: Subject, task: Task, watch: Watch) -> Iterator[Finding]:
    """Yield drawn cases, each with a gradient that agrees and is not vacuous."""
    drawing = replace(task, source="layer", count=DRAWS * task.count)
    for i, drawn in enumerate(judged(subject, drawing, shrink=False, watch=watch)):
        finding = plantable(drawn.judgement, np.random.default_rng([task.seed, i]))
        if finding is not None:
            yield finding


def plantable(judgement: Judgement, generator: np.random.Generator) -> Finding | None:
    """One of the gradients that agree and are not vacuous; None if there is none."""
    able = [f for f in judgement.findings if not f.is_output and _could_fail(f)]
    if not able or judgement.verdict != "agree":
        return None
    return able[generator.integers(len(able))]


def plant(
    right: Comparison, error: float, generator: np.random.Generator
) -> tuple[Comparison, int]:
    """The comparison with a relative error in a random entry that is not zero, and its index."""
    entry = int(generator.choice(np.flatnonzero(right.reference)))
    manual = np.array(right.manual)
    manual.flat[entry] *= 1 + error
    return Comparison(manual, right.reference, right.scale), entry


def _could_fail(f: Finding) -> bool:
    c = f.comparison
    return f.verdict == "agree" and c is not None and bool(np.isfinite(c.reference).all())


def _caught(subject: Subject, finding: Finding, generator: np.random.Generator) -> list[bool]:
    """Whether each error, from the largest to the smallest, is over its bound.

    The bound is measured once, against the largest error; a smaller one would not have taken
    more samples of the noise.
    """
    right = finding.comparison
    assert right is not None
    errors = 10.0 ** -np.arange(FIRST, LAST + 1)
    comparison, entry = plant(right, errors[0], generator)
    exact = right.manual.flat[entry]
    wrong = (exact * (1 + errors)).astype(exact.dtype)
    oracle = Oracle.of(subject.twin, finding.layer_case)
    oracle.pull(finding.case.dy)
    measure({finding.quantity: comparison}, oracle)
    if comparison.exact:
        return [False] * len(errors)
    reference, bound = right.reference.flat[entry], comparison.bound.flat[entry]
    return [bool(abs(w - reference) > bound) for w in wrong]
