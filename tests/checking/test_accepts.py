"""A rule that refuses numbers that were drawn: they are drawn again, and not without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from gradproof import Check, InputError, check, choice, positive, real
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.checking.record import subject_of
from gradproof.diagnosis.resample import elsewhere

Pair = tuple[Callable[..., Any], Callable[..., Any]]
INPUTS = {"x": real(2, 3), "mask": choice((0.0, 1.0), 2, 3)}


def masked_mean(factor: float = 1.0) -> Pair:
    """The mean of what a mask leaves of each row: NaN where it leaves nothing."""

    def forward(x: Any, mask: Any) -> Any:
        left = mask.sum(-1, keepdims=True)
        return (x * mask).sum(-1, keepdims=True) / left, (mask, left)

    def backward(saved: Any, dy: Any) -> Any:
        mask, left = saved
        return {"x": factor * dy * mask / left}

    return forward, backward


def reference(x: Any, mask: Any) -> Any:
    return (x * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True)


def leaves_something(x: Any, mask: Any) -> bool:
    return bool(mask.any(-1).all())


def hardly_any(x: Any, mask: Any) -> bool:
    """One mask in 32."""
    return leaves_something(x, mask) and bool(mask.flat[:5].all())


def test_what_is_refused_is_drawn_again() -> None:
    seen = []

    def watched(x: Any, mask: Any) -> bool:
        seen.append(leaves_something(x, mask))
        return seen[-1]

    verdict = check(masked_mean(), reference, INPUTS, accepts=watched, cases=40)
    assert verdict
    assert len(verdict.judgements) == 40
    assert not all(seen)
    assert all(leaves_something(*j.case.arrays.values()) for j in verdict.judgements)


def test_without_it_the_same_cases_are_drawn() -> None:
    def digests(**how: Any) -> list[str]:
        return [j.case.digest for j in check(masked_mean(), reference, INPUTS, **how).judgements]

    assert digests(cases=20) == digests(cases=20, accepts=lambda *_: np.bool_(True))


def test_a_wrong_one_is_shrunk_within_what_is_accepted() -> None:
    wrong = masked_mean(2.0)
    verdict = check(
        wrong, reference, INPUTS, accepts=leaves_something, cases=20, raise_exception=False
    )
    assert verdict.smallest is not None
    assert leaves_something(*verdict.smallest.case.arrays.values())
    assert verdict.cause == "factor 2"


def test_too_many_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        check(masked_mean(), reference, INPUTS, accepts=hardly_any, cases=100)
    said = str(caught.value)
    judged_of = said.partition("so only ")[2].partition(" of 100 cases were judged")[0]
    assert said.startswith("accepts of forward refused ")
    assert 0 < int(judged_of) < 100


def test_as_many_as_asked_are_judged_though_most_were_refused() -> None:
    verdict = check(masked_mean(), reference, INPUTS, accepts=hardly_any, cases=10)
    assert len(verdict.judgements) == 10


def test_what_was_judged_before_is_not_lost() -> None:
    given = Check(masked_mean(), reference, INPUTS, accepts=hardly_any)
    drawn = judged(subject_of({"mean": given}), Task("layer", "mean", 100, 0))
    assert all(not next(drawn).judgement.flagged for _ in range(10))
    with pytest.raises(InputError, match=r"refused [\d,]+ of [\d,]+ draws"):
        list(drawn)


def test_a_cause_is_looked_for_within_what_is_accepted() -> None:
    def forward(x: Any) -> Any:
        return np.log(x), x

    def backward(x: Any, dy: Any) -> Any:
        return 2 * dy / x

    def accepts(x: Any) -> bool:
        return bool((x > 0).all())

    given = Check((forward, backward), torch.log, positive(2, 3), accepts=accepts)
    subject = subject_of({"log": given})
    finding = next(judged(subject, Task("layer", "log", 1, 0))).judgement.culprit
    assert finding is not None
    found = [same.case for same, _ in elsewhere(subject, finding)]
    assert found
    assert all(accepts(case.arrays["x"]) for case in found)


@pytest.mark.parametrize(
    ("accepts", "said"),
    [
        (lambda *_: False, "accepts of forward refused everything that was drawn"),
        (lambda *_: np.zeros(2), "accepts of forward returned ndarray, not True or False"),
        (lambda *_: None, "accepts of forward returned NoneType, not True or False"),
        (lambda *_: 1 // 0, "accepts of forward raised ZeroDivisionError"),
        (lambda x, _: x.fill(0), "accepts of forward raised ValueError: .*read-only"),
        (lambda x: True, r"accepts of forward raised TypeError: .* takes 1 positional"),
        (3, "accepts is of type int; give a function of the arrays"),
    ],
)
def test_a_bad_predicate(accepts: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check(masked_mean(), reference, INPUTS, accepts=accepts)
