"""A wrong gradient that is the right one of another dy, argument or option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradproof.diagnosis.evidence import evidence
from manual.layers.activation import LeakyReLU
from manual.layers.activation_hard import Hardtanh
from manual.layers.arithmetic import MatMul
from manual.layers.linear import Linear
from manual.layers.shape import Split
from manual.losses.cross_entropy import CrossEntropyLoss
from tests.planted import SUBJECT, break_gradient, case_of, cause_of, culprit_of, normal

LINEAR = case_of(Linear(), x=normal(5, 3), weight=normal(4, 3), bias=normal(4))
SQUARE = case_of(MatMul(), x=normal(3, 3), other=normal(3, 3, seed=1))
CLIPPED = case_of(Hardtanh(-0.5, 2.0), x=2 * normal(4, 5))
CHOICE = case_of(
    CrossEntropyLoss(label_smoothing=0.2),
    x=normal(4, 3),
    target=np.array([0, 2, 1, 1]),
    weight=np.array([0.5, 2.0, 4.0]),
)


def first_only(d: Any) -> Any:
    return np.concatenate([d[:1], 0 * d[1:]])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (first_only, "only the first entry of dy along axis 0 counted: a sum is missing"),
        (
            lambda d: d * [0, 0, 0, 1],
            "only the last entry of dy along axis 1 counted: a sum is missing",
        ),
        (lambda d: np.broadcast_to(d.mean(axis=0), d.shape), "dy were its mean along axis 0"),
        (np.ones_like, "dy were 1: the factor dy is missing"),
        (lambda d: d[::-1], "dy were reversed along axis 0"),
        (lambda d: d.ravel("F").reshape(d.shape), "dy were in another order, by columns"),
        (
            lambda d: d.ravel().reshape(d.shape, order="F"),
            "dy were in another order, filled in by columns",
        ),
    ],
)
def test_another_dy(monkeypatch: pytest.MonkeyPatch, change: Any, cause: str) -> None:
    right = Linear.backward

    def backward(self: Linear, saved: Any, dy: Any) -> Any:
        return right(self, saved, dy) | {"weight": right(self, saved, change(dy))["weight"]}

    monkeypatch.setattr(Linear, "backward", backward)
    assert cause_of(LINEAR) == f"as if {cause}"


def test_a_cotangent_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Split.backward
    monkeypatch.setattr(Split, "backward", lambda self, s, dy: right(self, s, (dy[0], None)))
    case = case_of(Split(1, dim=1), x=normal(3, 2))
    assert cause_of(case) == "as if dy1 were 0: it is missing"


def test_another_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        break_gradient(patch, MatMul, "x", lambda g, s, d: d @ s[0].T)
        assert cause_of(SQUARE) == "as if x and other were exchanged"
    break_gradient(monkeypatch, MatMul, "other", lambda g, s, d: s[0] @ d)
    assert cause_of(SQUARE) == "as if x were transposed"


def no_weight(x: Any, target: Any, weight: Any) -> Any:
    return x, target, np.ones_like(weight)


@pytest.mark.parametrize(
    ("case", "taken", "cause"),
    [
        (CHOICE, {"label_smoothing": 0.0}, "as if label_smoothing were 0.0"),
        (
            CHOICE,
            {"label_smoothing": 0.8},
            "as if label_smoothing and 1 − label_smoothing were exchanged",
        ),
        (
            CHOICE,
            {"reduction": "sum"},
            "factor 8.5 (the sum of weight[target]: a mean is missing?)",
        ),
        (CHOICE, no_weight, "as if weight were left out"),
        (CLIPPED, {"min_val": -1.0}, "as if min_val were -1.0"),
        (CLIPPED, {"max_val": 1.0}, "as if max_val were 1.0"),
        (
            case_of(LeakyReLU(negative_slope=0.3), x=normal(4, 5)),
            {"negative_slope": 1.0},
            "as if negative_slope were 1.0",
        ),
    ],
)
def test_another_option(
    monkeypatch: pytest.MonkeyPatch,
    case: Any,
    taken: dict[str, Any] | Callable[..., Any],
    cause: str,
) -> None:
    kind = type(case.layer)
    forward, right = kind.forward, kind.backward

    def backward(self: Any, saved: Any, dy: Any) -> Any:
        layer = self if callable(taken) else replace(self, **taken)
        arguments = taken(*saved[1]) if callable(taken) else saved[1]
        return right(layer, forward(layer, *arguments)[1], dy)

    def saving(self: Any, *arguments: Any) -> Any:
        y, saved = forward(self, *arguments)
        return y, (saved, arguments)

    monkeypatch.setattr(kind, "forward", saving)
    monkeypatch.setattr(kind, "backward", backward)
    assert cause_of(case) == cause


def test_the_twin_is_asked_of_nothing_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of torch's kernels read beyond the arrays instead of raising an error."""
    break_gradient(monkeypatch, Linear, "weight", lambda g, s, d: 2 * g["weight"])
    e = evidence(SUBJECT, *culprit_of(LINEAR))
    asked: list[Any] = []

    def twin(layer: Any, *tensors: Any) -> Any:
        asked.append(tensors)
        raise AssertionError("whatever it says")

    monkeypatch.setitem(SUBJECT.__dict__, "twin", twin)
    arrays = e.case.arrays
    for wrong in ({"weight": normal(3, 2)}, {"x": normal(5, 2)}):
        assert e.expected(e.case.layer, {**arrays, **wrong}) is None
    assert not asked
    assert e.expected(e.case.layer, arrays) is None, "it fits, but the twin raised an error"
    assert len(asked) == 1
