"""From a wrong gradient to the name of the mistake."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.diagnosis.diagnose import diagnose
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from manual.layer import Grads, Index, Layer, Param, Saved
from manual.layers.activation import LeakyReLU, ReLU
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.arithmetic import Add, MatMul, Multiply, Subtract
from manual.layers.linear import Linear
from manual.layers.softmax import Softmax
from manual.losses.regression import HuberLoss, MSELoss
from manual.net import Net, Step
from tests.planted import SUBJECT, break_gradient, case_of, culprit_of, normal

LINEAR = case_of(Linear(), x=normal(5, 3), weight=normal(4, 3), bias=normal(4))
BATCHES = case_of(Linear(), x=normal(2, 5, 3), weight=normal(4, 3), bias=normal(4))
SQUARE = case_of(MatMul(), x=normal(3, 3), other=normal(3, 3, seed=1))
BROADCAST = case_of(Multiply(), x=normal(4, 3), other=normal(3))
SOFTMAX = case_of(Softmax(dim=1), x=normal(4, 5))
EVEN = case_of(Tanh(), x=normal(4, 5))
HUBER = case_of(HuberLoss(delta=0.7), x=3 * normal(4, 5), target=normal(4, 5, seed=1))
SMALL = case_of(HuberLoss(delta=0.7), x=np.array([3.0]), target=np.array([0.5]))
MSE = case_of(MSELoss(), x=normal(4, 6), target=normal(4, 6, seed=1))
KINKED = np.array([[0.0, 1.5, -2.0], [3.0, 0.0, -0.5]])
SIGNS = case_of(LeakyReLU(negative_slope=0.3), x=normal(4, 5))


def cause_of(case: Case) -> str:
    finding, siblings = culprit_of(case)
    return diagnose(SUBJECT, finding, siblings)


def at(g: Array, index: Any, value: float) -> Array:
    changed = np.array(g)
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("case", "name", "change", "cause"),
    [
        (LINEAR, "x", lambda g, s, d: -g["x"], "sign"),
        (LINEAR, "weight", lambda g, s, d: 2 * g["weight"], "factor 2"),
        (LINEAR, "weight", lambda g, s, d: g["weight"] / 2, "factor 0.5"),
        (LINEAR, "x", lambda g, s, d: 1.000001 * g["x"], "a factor 1 + 1e-06"),
        (LINEAR, "x", lambda g, s, d: 0.7183 * g["x"], "factor 0.7183"),
        (
            LINEAR,
            "bias",
            lambda g, s, d: d.mean(axis=0),
            "factor 0.2 (1 / the length of axis 0 of x: averaged twice?)",
        ),
        (
            BATCHES,
            "bias",
            lambda g, s, d: d.mean(axis=(0, 1)),
            "factor 0.1 (1 / the number of rows of x: averaged twice?)",
        ),
        (
            MSE,
            "x",
            lambda g, s, d: g["x"].size * g["x"],
            "factor 24 (the number of entries of x: a mean is missing?)",
        ),
        (LINEAR, "x", lambda g, s, d: 0 * g["x"], "all zero: no gradient gets through"),
        (
            LINEAR,
            "x",
            lambda g, s, d: at(g["x"], (1, 2), np.nan),
            "not a number where PyTorch has numbers (1 of 15 entries)",
        ),
        (SQUARE, "x", lambda g, s, d: g["x"].T, "transposed"),
        (SQUARE, "x", lambda g, s, d: g["other"], "the gradient of other: swapped arguments"),
        (SQUARE, "x", lambda g, s, d: g["x"][::-1], "reversed along axis 0"),
        (
            EVEN,
            "x",
            lambda g, s, d: d,
            "dy itself: the factor of the layer's derivative is missing",
        ),
        (
            BROADCAST,
            "x",
            lambda g, s, d: d,
            "dy itself: the factor of the layer's derivative is missing",
        ),
        (
            SOFTMAX,
            "x",
            lambda g, s, d: s[0] * d,
            "a term proportional to y along axis 1 is missing",
        ),
        (
            EVEN,
            "x",
            lambda g, s, d: g["x"] - g["x"].mean(axis=0),
            "a mean or a sum along axis 0 is missing: the residual is constant there",
        ),
        (
            LINEAR,
            "bias",
            lambda g, s, d: d[0],
            "the sum over axis 0 is missing: only the first entry is taken",
        ),
        (
            BROADCAST,
            "other",
            lambda g, s, d: (d * normal(4, 3))[-1],
            "the sum over axis 0 is missing: only the last entry is taken",
        ),
        (
            EVEN,
            "x",
            lambda g, s, d: at(g["x"], (2, 3), 0.0),
            "only one entry, [2, 3]: zero, and should not be",
        ),
        (
            EVEN,
            "x",
            lambda g, s, d: at(g["x"], -1, 2 * g["x"][-1]),
            "only row 3 (the last): factor 2",
        ),
        (
            EVEN,
            "x",
            lambda g, s, d: at(g["x"], (slice(None), 0), -g["x"][:, 0]),
            "only column 0: sign",
        ),
        (
            EVEN,
            "x",
            lambda g, s, d: at(g["x"], (slice(None), [0, -1]), 0.0),
            "only the edges of axis 1: zero, and should not be",
        ),
        (
            SIGNS,
            "x",
            lambda g, s, d: d,
            "as if negative_slope were 1.0",
        ),
        (
            case_of(ReLU(), x=KINKED),
            "x",
            lambda g, s, d: g["x"] - 3 * d * (KINKED == 0),
            "only where x is 0 (wrong mask?): should be zero",
        ),
        (
            HUBER,
            "x",
            lambda g, s, d: g["x"] / 0.7,
            "factor 1.429",  # of another delta as well, so that it is not 1 / delta
        ),
        (
            EVEN,
            "x",
            lambda g, s, d: g["x"] * (1 + 1e-5 * normal(4, 5, seed=3)),
            "off by 2e-05 of the value: eps at the wrong place, or precision lost",
        ),
    ],
)
def test_the_mistake_is_named(
    monkeypatch: pytest.MonkeyPatch, case: Case, name: str, change: Any, cause: str
) -> None:
    break_gradient(monkeypatch, type(case.layer), name, change)
    assert cause_of(case) == cause


@pytest.mark.parametrize("case", [HUBER, SMALL])
def test_the_option_is_named_that_a_factor_stems_from(
    monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    right = HuberLoss.backward

    def backward(self: HuberLoss, saved: Any, dy: Any) -> Any:
        return {name: g / self.delta for name, g in right(self, saved, dy).items()}

    monkeypatch.setattr(HuberLoss, "backward", backward)
    assert cause_of(case) == "factor 1.429 (1 / delta)"


def test_in_float32_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Linear, "bias", lambda g, s, d: d.mean(axis=0))
    case = case_of(Linear(), "float32", x=normal(5, 3), weight=normal(4, 3), bias=normal(4))
    assert cause_of(case) == "factor 0.2 (1 / the length of axis 0 of x: averaged twice?)"


def test_what_cannot_be_compared_has_its_own_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Linear, "bias", lambda g, s, d: d)
    assert cause_of(LINEAR) == "its shape is (5, 4); it should be (4,)"


def test_swapped_gradients_of_other_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Linear.backward

    def backward(self: Linear, saved: Saved, dy: Array) -> Grads:
        g = right(self, saved, dy)
        return {"x": g["x"], "weight": g["bias"], "bias": g["weight"]}

    monkeypatch.setattr(Linear, "backward", backward)
    said = "its shape is (4,); it should be (4, 3): swapped with that of bias?"
    assert cause_of(LINEAR) == said


def test_nothing_is_claimed_about_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: normal(4, 5, seed=9))
    assert cause_of(EVEN).startswith("not recognised (cosine ")


def test_a_wrong_axis_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Add, "other", lambda g, s, d: d.sum(axis=1))
    case = case_of(Add(), x=normal(3, 3), other=normal(3))
    assert cause_of(case) == "summed over axis 1 instead of 0"


RESIDUAL = Net(
    ("x",),
    (
        Step("h1", Tanh(), ("x",)),
        Step("h2", Sigmoid(), ("h1",)),
        Step("h3", Subtract(), ("h1", "h2")),
    ),
)


def assigning(self: Any, saved: Any, dy: Any) -> dict[str, Array]:
    """Net.backward with = for +=."""
    grads = {self.steps[-1].out: dy}
    for step, kept in zip(reversed(self.steps), reversed(saved), strict=True):
        given = step.layer.backward(kept, grads.pop(step.out))
        grads |= {name: given[own] for own, name in step.slots}
    return grads


def test_lost_accumulation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Net, "backward", assigning)
    case = case_of(RESIDUAL, x=normal(3, 4))
    assert culprit_of(case)[0].depth == "chained"
    assert cause_of(case) == (
        "a value used twice (h1) keeps only its first use's gradient: = for +="
    )


def test_a_lost_path_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Net.backward

    def without_sigmoid(self: Net, saved: Any, dy: Any) -> dict[str, Array]:
        cut = (*saved[:1], (np.zeros_like(saved[1][0]),), *saved[2:])
        return right(self, cut, dy)

    monkeypatch.setattr(Net, "backward", without_sigmoid)
    # h1 has two uses; without that in h2 it is as if only the last counted.
    assert cause_of(case_of(RESIDUAL, x=normal(3, 4))) == (
        "a value used twice (h1) keeps only its last use's gradient: = for +="
    )


@dataclass(frozen=True)
class Rows(Layer):
    """y = weight[ids], with = for += in its backward."""

    def forward(self, ids: Index, weight: Param) -> tuple[Array, Saved]:
        return weight[ids], (ids, weight.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        ids, shape = saved
        dweight = np.zeros(shape)
        dweight[ids] = dy
        return {"weight": dweight}


def test_a_repeated_index_is_told() -> None:
    subject = replace(SUBJECT, twin=lambda layer, ids, weight: weight[ids])
    case = case_of(Rows(), ids=np.array([0, 2, 4, 2]), weight=normal(5, 3))
    finding = judge(subject, case, Clock()).culprit
    assert finding is not None
    assert diagnose(subject, finding, []) == "only where ids repeats an index: = for +="


ONE = case_of(Tanh(), x=np.array([0.7]))
PAIR = case_of(MSELoss(reduction="sum"), x=normal(2), target=normal(2, seed=1))
EYE = case_of(MatMul(), x=normal(1, 2), other=normal(2, 2, seed=1))


@pytest.mark.parametrize(
    ("case", "name", "change", "cause"),
    [
        (ONE, "x", lambda g, s, d: 3.1 * g["x"], "factor 3.1"),
        (ONE, "x", lambda g, s, d: g["x"] / d, "the factor dy is missing"),
        (ONE, "x", lambda g, s, d: g["x"] - 0.5 * d, "factor 0.5 of the term proportional to dy"),
        (ONE, "x", lambda g, s, d: g["x"] + np.sin(7 * d), "not recognised"),
        (PAIR, "x", lambda g, s, d: -g["x"], "sign, or the gradient of target: swapped arguments"),
        (SMALL, "x", lambda g, s, d: g["x"] / 0.7, "factor 1.429"),
        (EYE, "x", lambda g, s, d: d @ s[1], "as if other were transposed"),
        (
            case_of(Tanh(), x=np.zeros(1)),
            "x",
            lambda g, s, d: g["x"] * (s[0] != 0),
            "only where x is 0 (wrong mask, clip or eps?)",
        ),
    ],
)
def test_one_number_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, case: Case, name: str, change: Any, cause: str
) -> None:
    break_gradient(monkeypatch, type(case.layer), name, change)
    assert cause_of(case) == cause
