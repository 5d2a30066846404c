"""The search draws what it was asked for, and passes on what the judge raises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch", reason="the subject has twins in torch")

from gradproof.campaign.search import judged, right_cases
from gradproof.campaign.task import Task
from manual.layers.activation_sigmoid import Tanh
from tests.planted import SUBJECT

COUNT = 30
AGAIN = 4
"""Cases that may be drawn for nothing: each batch begins with the simplest case."""


def test_hardly_more_cases_are_drawn_than_asked_for() -> None:
    drawn = 0
    rule = SUBJECT.rules[Tanh]

    def counted(draw: Any, shape: Any) -> Any:
        nonlocal drawn
        drawn += 1
        return rule.rule(draw, shape)

    rules = {Tanh: replace(rule, rule=counted)}
    found = right_cases(replace(SUBJECT, rules=rules), Tanh, COUNT)
    assert len({case.digest for case in found}) == COUNT <= drawn <= COUNT + AGAIN


def test_more_cases_begin_with_the_same_ones() -> None:
    few = [case.digest for case in right_cases(SUBJECT, Tanh, 20)]
    assert [case.digest for case in right_cases(SUBJECT, Tanh, COUNT)][:20] == few


def test_what_the_judge_raises_ends_the_search_and_names_the_case() -> None:
    def fails(*_: Any) -> Any:
        raise ZeroDivisionError("in the judge")

    with pytest.raises(ZeroDivisionError, match="in the judge") as raised:
        list(judged(SUBJECT, Task("layer", "Tanh", COUNT, 0), judge=fails))
    assert "while judging Case(layer=Tanh()" in "".join(raised.value.__notes__)
