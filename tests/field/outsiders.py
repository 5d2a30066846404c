"""Layers of kinds that this repository has not, judged as somebody's own project is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import make_dataclass
from typing import Any

from gradproof import CaseRules, Finding, Subject, real, spec
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task

Entries = Callable[[Any, tuple[int, ...]], dict[str, Any]]
SHAPE = (1, 3)


def outsider(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    twin: Callable[..., Any],
    entries: Entries = lambda draw, x: {"x": real(*x)},
    rank: tuple[int, int] = SHAPE,
    conventions: Any = (),
) -> Subject:
    """A subject of one layer, Outsider: forward(*arrays) and backward(saved, dy)."""
    body = {
        "argument_kinds": lambda self, count: dict.fromkeys(entries(None, (2,) * rank[1]), "real"),
        "forward": lambda self, *arrays: forward(*arrays),
        "backward": lambda self, saved, dy: backward(saved, dy),
    }
    kind = make_dataclass("Outsider", [], namespace=body, frozen=True)
    rules = CaseRules()
    rules(kind, rank=rank, empty=False)(lambda draw, x: spec(kind(), **entries(draw, x)))
    return Subject("from outside", rules, lambda layer, *a: twin(*a), conventions=dict(conventions))


def faults(subject: Subject, count: int = 40) -> list[Finding]:
    """The first fault of each drawn case that has one."""
    found = judged(subject, Task("layer", "Outsider", count, 0), shrink=False)
    culprits = (d.judgement.culprit for d in found if d.judgement.flagged)
    return [culprit for culprit in culprits if culprit is not None]
