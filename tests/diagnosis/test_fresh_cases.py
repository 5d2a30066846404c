"""Causes that a single case does not show: on other numbers, longer axes, or in the next step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.diagnosis.diagnose import diagnose
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import beside
from manual.layers.activation import ELU
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.linear import Linear
from manual.layers.reduce import Max
from manual.layers.softmax import Softmax
from manual.optimizers.adam import Adam
from manual.optimizers.rmsprop import RMSprop
from tests.catalogue import bugs
from tests.diagnosis.test_diagnose import cause_of
from tests.planted import SUBJECT, break_gradient, case_of, normal

CUBE = case_of(Tanh(), x=normal(3, 3, 3))
ONE = case_of(Sigmoid(), x=np.array([0.7]))
PAIR = case_of(Softmax(dim=0), x=normal(2))
ROWS = case_of(Linear(), x=normal(3, 2), weight=normal(2, 2), bias=normal(2))
BELOW = case_of(ELU(alpha=-0.5), x=np.array(-1.4))


@pytest.mark.parametrize(
    ("case", "change", "cause"),
    [
        (
            CUBE,
            lambda g, s, d: g["x"].transpose(1, 2, 0),
            "transposed: its axes are in the order (1, 2, 0), a permutation for its inverse?",
        ),
        (
            case_of(Tanh(), x=normal(2)),
            lambda g, s, d: np.roll(g["x"], 1),
            "in another order: shifted by 1 along axis 0",
        ),
        (
            case_of(Tanh(), x=normal(5)),
            lambda g, s, d: g["x"][[1, 0, 3, 4, 2]],
            "the right numbers in another order",
        ),
        (ONE, lambda g, s, d: s[0] * d, "the factor (1 − y) is missing"),
        (
            case_of(Tanh(), x=normal(3, 2)),
            lambda g, s, d: g["x"] * len(d) / (len(d) - 1),
            "factor 1.5 (3/2: a mean over another number of entries?)",
        ),
        (
            PAIR,
            lambda g, s, d: s[0] * (1 - s[0]) * d,
            "a sum is missing: as if y·y·dy stood for y·Σ(y·dy) along axis 0",
        ),
        (
            PAIR,
            lambda g, s, d: s[0] * (d - (s[0] * d).mean()),
            "averaged: as if y·mean(y·dy) along axis 0 stood for y·Σ(y·dy) along axis 0",
        ),
        (BELOW, lambda g, s, d: d, "only where x is negative"),
    ],
)
def test_a_layer(monkeypatch: pytest.MonkeyPatch, case: Any, change: Any, cause: str) -> None:
    break_gradient(monkeypatch, type(case.layer), "x", change)
    assert cause_of(case) == cause


def test_what_forward_keeps_is_a_pattern_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Tanh, x: Any) -> Any:
        y = np.tanh(x)
        return y, (y, None, np.cos(np.arange(x.size, dtype=x.dtype)).reshape(x.shape))

    def backward(self: Tanh, saved: Any, dy: Any) -> Any:
        y, _, pattern = saved
        return {"x": dy * (1 - y * y) - pattern * (y * dy).sum(axis=0, keepdims=True)}

    monkeypatch.setattr(Tanh, "forward", forward)
    monkeypatch.setattr(Tanh, "backward", backward)
    said = "a term proportional to saved[2] along axis 0 is missing"
    assert cause_of(case_of(Tanh(), x=normal(3, 4))) == said


def test_a_tie_where_there_is_none() -> None:
    with next(bug for bug in bugs() if bug.name == "max-near-ties").planted():
        assert cause_of(case_of(Max(), x=np.array([1000.0, 999.9999]))) == (
            "only where entries of x are nearly equal (wrong mask, clip or eps?)"
        )


def test_a_value_that_is_wrong_nearby_too(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(
        monkeypatch, Tanh, "x", lambda g, s, d: np.where(abs(s[0]) < 1e-3, 2 * g["x"], g["x"])
    )
    assert cause_of(case_of(Tanh(), x=np.zeros(()))) == (
        "only where x is 0 or near it (wrong mask, clip or eps?)"
    )


def test_a_sum_that_takes_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Linear.backward

    def backward(self: Linear, saved: Any, dy: Any) -> Any:
        kept = np.zeros_like(dy)
        kept[0] = dy[0]
        return right(self, saved, dy) | {"weight": right(self, saved, kept)["weight"]}

    monkeypatch.setattr(Linear, "backward", backward)
    assert cause_of(ROWS) == (
        "as if only the first entry of dy along axis 0 counted: a sum is missing"
    )


def test_an_option_that_explains_one_case_by_chance_is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A factor of 2 is the length of an axis here, but not where axes are longer."""
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: 2 * g["x"])
    assert cause_of(case_of(Tanh(), x=normal(2, 2))) == "factor 2"


Step = Callable[..., Any]


def cause_of_steps(optimizer: Any, scale: float = 1.0) -> str:
    case = OptimizerCase(optimizer, ((), (2,)), (scale, scale, scale), False, "float64", 0)
    judgement = judge(SUBJECT, case, Clock())
    finding = judgement.culprit
    assert finding is not None
    return diagnose(SUBJECT, finding, beside(judgement, finding))


def adam_of(correction: Callable[[float, float], float]) -> Step:
    """Adam's step with another correction of the first average."""
    right = Adam.step

    def step(self: Adam, params: Any, grads: Any, state: Any) -> Any:
        new, kept = right(self, params, grads, state)
        beta, t = self.betas[0], float(next(iter(kept.values()))["step"])
        by = (1 - beta**t) / correction(beta, t)
        return {n: params[n] + by * (p - params[n]) for n, p in new.items()}, kept

    return step


def test_a_power_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adam, "step", adam_of(lambda beta, _: 1 - beta))
    assert cause_of_steps(Adam(lr=0.01)) == (
        "factor 1.9 of the change ((1 − betas[0]^step) / (1 − betas[0]))"
    )


def test_a_correction_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adam, "step", adam_of(lambda *_: 1.0))
    assert cause_of_steps(Adam(lr=0.01)) == "factor 0.1 of the change ((1 − betas[0]^step))"


def test_a_factor_of_the_change_from_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adam, "step", adam_of(lambda beta, t: (1 - beta**t) / 0.37))
    assert cause_of_steps(Adam(lr=0.01)) == "factor 0.37 of the change (the same for all gradients)"


def test_a_state_that_is_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RMSprop.step

    def step(self: RMSprop, params: Any, grads: Any, state: Any) -> Any:
        empty = {n: s | {"momentum_buffer": np.zeros_like(params[n])} for n, s in state.items()}
        return right(self, params, grads, empty)

    monkeypatch.setattr(RMSprop, "step", step)
    assert cause_of_steps(RMSprop(lr=0.01, momentum=0.9)) == (
        "in its state, momentum_buffer: as if it were 0 before: = for +="
    )
