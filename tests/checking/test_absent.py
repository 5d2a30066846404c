"""Outputs that a loss does not use: a function of tensors is given None for their cotangents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from gradproof import Check, Verdict, check, judge_case, real
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.file import load, save
from gradproof.checking.record import subject_of

INPUTS = (real(2, 3), real(2, 3))


def of(
    backward: Callable[..., Any], materialized: bool = False, constant: bool = False
) -> Callable[..., Any]:
    """x w and sin x, with this backward(x, w, da, db).

    constant    whether the second output is said to have no gradient
    """

    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            ctx.set_materialize_grads(materialized)
            ctx.save_for_backward(x, w)
            made = x * w, torch.sin(x)
            if constant:
                ctx.mark_non_differentiable(made[1])
            return made

        @staticmethod
        def backward(ctx: Any, da: Any, db: Any) -> Any:
            return backward(*ctx.saved_tensors, da, db)

    applied: Callable[..., Any] = Two.apply
    return applied


def reference(x: Any, w: Any) -> Any:
    return x * w, torch.sin(x)


def constant(x: Any, w: Any) -> Any:
    return x * w, torch.sin(x).detach()


def careful(x: Any, w: Any, da: Any, db: Any) -> Any:
    by_a = (0.0, None) if da is None else (da * w, da * x)
    by_b = 0.0 if db is None else db * torch.cos(x)
    return by_a[0] + by_b, by_a[1]


def careless(x: Any, w: Any, da: Any, db: Any) -> Any:
    return da * w + db * torch.cos(x), da * x


def gives_up(x: Any, w: Any, da: Any, db: Any) -> Any:
    return (None, None) if db is None else careful(x, w, da, db)


def of_one(x: Any, w: Any, da: Any, db: Any) -> Any:
    assert db is None, "an output without a gradient has no cotangent"
    return (None, None) if da is None else (da * w, da * x)


def verdict_of(function: Any, right: Any = reference, **how: Any) -> Verdict:
    return check(function, right, INPUTS, raise_exception=False, **how)


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("bfloat16",)])
@pytest.mark.parametrize(
    ("function", "right"),
    [
        (of(careful), reference),
        (of(careless, materialized=True), reference),
        (of(of_one, constant=True), constant),
        (reference, reference),
    ],
    ids=["None is handled", "zeros are made of None", "an output without a gradient", "torch"],
)
def test_a_right_one(function: Any, right: Any, dtypes: Any) -> None:
    verdict = verdict_of(function, right, dtypes=dtypes)
    assert verdict, str(verdict)
    absent = [sum(d is None for d in j.case.dy) for j in verdict.judgements]
    assert max(absent) == 1
    assert 0 < sum(absent) < len(absent) / 2


def test_one_that_fails_without_a_cotangent() -> None:
    verdict = verdict_of(of(careless))
    assert verdict.verdict == "error"
    assert verdict.message.startswith("Two fails: backward raised TypeError: unsupported operand")
    said = "  absent           the cotangent of y1: the loss does not use that output"
    assert said in verdict.message.splitlines()


def test_one_that_is_wrong_without_a_cotangent() -> None:
    verdict = verdict_of(of(gives_up))
    assert verdict["x"] == "disagree"
    assert verdict.cause == (
        "only where the cotangent of y1 is absent (None); with zeros in its place it is right"
    )
    assert "  absent           the cotangent of y1: the loss" in verdict.message


def test_one_that_is_wrong_anyway_is_told_so() -> None:
    def doubles(x: Any, w: Any, da: Any, db: Any) -> Any:
        dx, dw = careful(x, w, da, db)
        return dx, None if dw is None else 2 * dw

    verdict = verdict_of(of(doubles))
    assert verdict.cause == "factor 2"
    assert "absent" not in verdict.message


def test_a_gradient_that_is_lost_is_found() -> None:
    lost = verdict_of(of(of_one, constant=True))  # PyTorch has one for the second output
    assert lost["x"] == "disagree"


@pytest.mark.parametrize("absent", [False, True])
def test_arrays_are_zeros_unless_none_is_asked_for(absent: bool) -> None:
    seen = []

    class Layer:
        absent_cotangents = absent

        def forward(self, x: Any, w: Any) -> Any:
            return (x * w, np.sin(x)), (x, w)

        def backward(self, saved: Any, dy: Any) -> Any:
            seen.extend(dy)
            x, w = saved
            a, b = (np.zeros_like(x) if d is None else d for d in dy)
            return {"x": a * w + b * np.cos(x), "w": a * x}

    assert verdict_of(Layer())
    assert any(d is None for d in seen) == absent


def test_a_saved_case_lacks_the_same_cotangent(tmp_path: Path) -> None:
    subject = subject_of({"two": Check(of(gives_up), reference, INPUTS)})
    found = (d.judgement for d in judged(subject, Task("layer", "two", 100, 0), shrink=False))
    wrong = next(j.case for j in found if j.flagged)
    save(tmp_path / "case.npz", wrong)
    again = load(tmp_path / "case.npz", subject.types)
    assert [d is None for d in again.dy] == [False, True]
    assert judge_case(subject, again).flagged
    zeros = replace(wrong, dy=(wrong.dy[0], np.zeros_like(wrong.dy[0])))
    assert not judge_case(subject, zeros).flagged
