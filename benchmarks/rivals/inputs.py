"""What the checkers are given: cases as gradproof draws them, and as most tests are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.case import Case
from gradproof.cases.draw import make_case
from gradproof.cases.even_choices import EVEN_CHOICES
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from gradproof.subject.entries import CaseRule, Draw, Spec
from gradproof.subject.layer import named_arguments
from gradproof.subject.subject import Subject

SHAPE = (4, 6, 3, 5)
"""Of the first argument; its first two axes where the layer takes so many."""
_TRIES = 200


def drawn(subject: Subject, kind: type, count: int, seed: int) -> list[Case]:
    """The cases that a run of gradproof with this seed draws."""
    task = Task("layer", kind.__name__, count, seed)
    return [drawn.judgement.case for drawn in judged(subject, task, shrink=False)]


def ordinary(subject: Subject, kind: type, count: int) -> list[Case]:
    """N(0, 1) inputs and cotangents, options as they come, in one modest shape."""
    spec = _plainest(subject.rules[kind])
    cases = (make_case(spec, "float64", ("normal",) * 3, "C", i) for i in range(count))
    return [judge(subject, case, Clock()).case for case in cases]


def _plainest(rule: CaseRule) -> Spec:
    """Of many valid layers the one with the most default options and the most parameters."""
    lowest, highest = rule.rank
    shape = SHAPE[: max(lowest, min(2, highest))]
    found: list[Spec] = []

    @st.composite
    def specs(draw: Draw) -> Spec:
        return rule.rule(draw, shape)

    @seed(0)
    @settings(
        max_examples=_TRIES,
        database=None,
        deadline=None,
        backend=EVEN_CHOICES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(specs())
    def collect(spec: Spec) -> None:
        found.append(spec)

    collect()
    return min(found, key=_oddity)


def _oddity(spec: Spec) -> tuple[int, int, int, int]:
    kinds = named_arguments(spec.layer, list(spec.entries))
    parameters = sum(kinds[name] == "param" for name in spec.entries)
    thin = sum(axis < 2 for e in spec.entries.values() for axis in e.shape)
    return sum(_changed(spec.layer)), -parameters, len(spec.entries), thin


def _changed(layer: Any) -> Iterator[bool]:
    """Whether each option that has a default differs from it."""
    for field in fields(layer):
        if field.default is not MISSING:
            yield getattr(layer, field.name) != field.default
