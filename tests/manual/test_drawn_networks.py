"""Which layers the drawn networks are made of, by a count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.judge.clock import Clock
from gradproof.judge.verdict import Judgement
from gradproof.subject.subject import Subject
from manual.layers.conv import Conv2d
from manual.layers.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from manual.layers.sparse import Embedding
from manual.losses.divergence import PoissonNLLLoss
from manual.net import Net
from tests.strategies.rules import LARGEST
from tests.subject import subject

COUNT = 1000


def _not_judged(subject: Subject, case: Any, clock: Clock) -> Judgement:
    return Judgement(case)


@pytest.fixture(scope="module")
def networks() -> list[Any]:
    task = Task("network", "Net", COUNT, 0)
    found = judged(subject(), task, shrink=False, judge=_not_judged)
    return [drawn.case for drawn in found]


def _kinds(net: Net) -> Iterator[type]:
    for step in net.steps:
        yield type(step.layer)
        if isinstance(step.layer, Net):
            yield from _kinds(step.layer)


def test_every_layer_is_in_some_and_those_with_state_in_one_of_twenty(networks: list[Any]) -> None:
    counts = Counter(kind for case in networks for kind in set(_kinds(case.layer)))
    for kind in (Conv2d, BatchNorm1d, BatchNorm2d, BatchNorm3d, Embedding):
        assert counts[kind] >= COUNT // 20, kind.__name__
    # Its rates lie between bounds that no layer before it keeps.
    assert set(subject().rules) - set(counts) <= {PoissonNLLLoss}


def test_they_begin_with_one_to_five_axes_and_with_numbers_of_rows(networks: list[Any]) -> None:
    ranks = Counter(case.arrays["x"].ndim for case in networks)
    assert all(ranks[rank] >= COUNT // 10 for rank in range(1, 6))
    assert sum(case.kinds["x"] == "index" for case in networks) >= COUNT // 40


def test_they_are_small(networks: list[Any]) -> None:
    assert max(case.arrays["x"].size for case in networks) <= LARGEST
