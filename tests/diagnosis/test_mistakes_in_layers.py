"""From a wrong gradient of a layer to the name of the mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

from gradproof.arrays import Array
from gradproof.cases.case import Case
from manual.layer import Grads, Index, Layer, Param, Saved
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.arithmetic import Add, MatMul, Multiply
from manual.layers.linear import Linear
from manual.losses.regression import HuberLoss, MSELoss
from tests.planted import (
    SUBJECT,
    break_backward,
    break_gradient,
    break_output,
    case_of,
    cause_of,
    normal,
)

Change: TypeAlias = Callable[[Any, Any, Any], Any]
"""(the right gradients, what forward saved, dy) → the wrong gradient."""


class Mistake(NamedTuple):
    """What stands in the place of the gradient of an argument."""

    case: Case
    change: Change
    name: str = "x"


LINEAR = case_of(Linear(), x=normal(5, 3), weight=normal(4, 3), bias=normal(4))
BATCHES = case_of(Linear(), x=normal(2, 5, 3), weight=normal(4, 3), bias=normal(4))
SQUARE = case_of(MatMul(), x=normal(3, 3), other=normal(3, 3, seed=1))
BROADCAST = case_of(Multiply(), x=normal(4, 3), other=normal(3))
EVEN = case_of(Tanh(), x=normal(4, 5))
HUBER = case_of(HuberLoss(delta=0.7), x=3 * normal(4, 5), target=normal(4, 5, seed=1))
SMALL = case_of(HuberLoss(delta=0.7), x=np.array([3.0]), target=np.array([0.5]))
MSE = case_of(MSELoss(), x=normal(4, 6), target=normal(4, 6, seed=1))


def tanh(*shape: int) -> Case:
    return case_of(Tanh(), x=normal(*shape))


def set_to(value: float, *index: Any) -> Change:
    """The gradient of x, with this value at the index."""
    return changed(lambda part: value, *index)


def changed(change: Callable[[Any], Any], *index: Any) -> Change:
    """The gradient of x, changed at the index only."""

    def made(g: Any, saved: Any, dy: Any) -> Any:
        wrong = np.array(g["x"])
        wrong[index] = change(wrong[index])
        return wrong

    return made


FACTORS = {
    "sign": Mistake(LINEAR, lambda g, s, d: -g["x"]),
    "factor 2": Mistake(LINEAR, lambda g, s, d: 2 * g["weight"], name="weight"),
    "factor 0.5": Mistake(LINEAR, lambda g, s, d: g["weight"] / 2, name="weight"),
    "sign and factor 1.5": Mistake(EVEN, lambda g, s, d: -1.5 * g["x"]),
    "a factor 1 + 1e-06": Mistake(LINEAR, lambda g, s, d: 1.000001 * g["x"]),
    "a factor 1 − 1e-05": Mistake(LINEAR, lambda g, s, d: 0.99999 * g["x"]),
    "factor 0.7183": Mistake(LINEAR, lambda g, s, d: 0.7183 * g["x"]),
    "factor 0.2 (1 / the length of axis 0 of x: averaged twice?)": Mistake(
        LINEAR, lambda g, s, d: d.mean(axis=0), name="bias"
    ),
    "factor 0.1 (1 / the number of rows of x: averaged twice?)": Mistake(
        BATCHES, lambda g, s, d: d.mean(axis=(0, 1)), name="bias"
    ),
    "factor 24 (the number of entries of x: a mean is missing?)": Mistake(
        MSE, lambda g, s, d: g["x"].size * g["x"]
    ),
    "factor 1.5 (3/2: a mean over another number of entries?)": Mistake(
        tanh(3, 2), lambda g, s, d: g["x"] * len(d) / (len(d) - 1)
    ),
    "factor 1.429": Mistake(HUBER, lambda g, s, d: g["x"] / 0.7),
}
PLACES = {
    "not a number where PyTorch has numbers (1 of 20 entries)": Mistake(EVEN, set_to(np.nan, 1, 2)),
    "infinite where PyTorch has numbers (1 of 20 entries)": Mistake(EVEN, set_to(np.inf, 0, 1)),
    "only one entry, [2, 3]: zero, and should not be": Mistake(EVEN, set_to(0.0, 2, 3)),
    "only one entry, [1, 0]: factor 2": Mistake(EVEN, changed(lambda part: 2 * part, 1, 0)),
    "only row 0: zero, and should not be": Mistake(EVEN, set_to(0.0, 0)),
    "only row 3 (the last): factor 2": Mistake(EVEN, changed(lambda part: 2 * part, -1)),
    "only column 0: sign": Mistake(EVEN, changed(np.negative, slice(None), 0)),
    "only column 1: factor 7": Mistake(EVEN, changed(lambda part: 7 * part, slice(None), 1)),
    "only the edges of axis 1: zero, and should not be": Mistake(
        EVEN, set_to(0.0, slice(None), [0, -1])
    ),
}
ORDERS = {
    "transposed": Mistake(SQUARE, lambda g, s, d: g["x"].T),
    "the gradient of other: swapped arguments, or a factor is missing": Mistake(
        SQUARE, lambda g, s, d: g["other"]
    ),
    "reversed along axis 0": Mistake(SQUARE, lambda g, s, d: g["x"][::-1]),
    "axes 0 and 1 are swapped": Mistake(tanh(3, 3, 2), lambda g, s, d: g["x"].swapaxes(0, 1)),
    "its halves along axis 0 are exchanged": Mistake(
        tanh(4), lambda g, s, d: np.roll(g["x"], len(d) // 2)
    ),
    "in another order: shifted by -1 along axis 0": Mistake(
        tanh(5), lambda g, s, d: np.roll(g["x"], -1)
    ),
    "in another order: shifted by 1 along axis 0": Mistake(
        tanh(2), lambda g, s, d: np.roll(g["x"], 1)
    ),
    "in another order: shifted by 1 along axis 1, with what passes the edge lost": Mistake(
        tanh(3, 5), lambda g, s, d: np.pad(g["x"], ((0, 0), (1, 0)))[:, :-1]
    ),
    "transposed: its axes are in the order (1, 2, 0), a permutation for its inverse?": Mistake(
        tanh(3, 3, 3), lambda g, s, d: g["x"].transpose(1, 2, 0)
    ),
    "in another order: as if reshaped with its axes in the order (1, 0)": Mistake(
        EVEN, lambda g, s, d: g["x"].T.reshape(d.shape)
    ),
    "the right numbers in another order": Mistake(tanh(5), lambda g, s, d: g["x"][[1, 0, 3, 4, 2]]),
    "right numbers, but in another order: some at places of others, some missing": Mistake(
        EVEN, lambda g, s, d: g["x"][[0, 0, *range(2, len(d))]]
    ),
}
SUMS = {
    "all zero: no gradient gets through": Mistake(LINEAR, lambda g, s, d: 0 * g["x"]),
    "a mean or a sum along axis 0 is missing: the residual is constant there": Mistake(
        EVEN, lambda g, s, d: g["x"] - g["x"].mean(axis=0)
    ),
    "the sum over axis 0 is missing: only the first entry is taken": Mistake(
        LINEAR, lambda g, s, d: d[0], name="bias"
    ),
    "the sum over axis 0 is missing: only the last entry is taken": Mistake(
        BROADCAST, lambda g, s, d: (d * normal(4, 3))[-1], name="other"
    ),
    "summed over axis 1 instead of 0": Mistake(
        case_of(Add(), x=normal(3, 3), other=normal(3)), lambda g, s, d: d.sum(axis=1), name="other"
    ),
    "off by 2e-05 of the value: eps at the wrong place, or precision lost": Mistake(
        EVEN, lambda g, s, d: g["x"] * (1 + 1e-5 * normal(4, 5, seed=3))
    ),
}
MISTAKES = FACTORS | PLACES | ORDERS | SUMS


@pytest.mark.parametrize("cause", MISTAKES)
def test_the_mistake_is_named(monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    case, change, name = MISTAKES[cause]
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
    break_backward(
        monkeypatch,
        Linear,
        lambda g, dy: {"x": g["x"], "weight": g["bias"], "bias": g["weight"]},
    )
    said = "its shape is (4,); it should be (4, 3): swapped with that of bias?"
    assert cause_of(LINEAR) == said


def test_nothing_is_claimed_about_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: normal(4, 5, seed=9))
    assert cause_of(EVEN).startswith("not recognised (cosine ")


def test_a_number_where_there_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    break_output(monkeypatch, Tanh, lambda y: y * 0)
    monkeypatch.setitem(SUBJECT.__dict__, "twin", lambda layer, x: (x - x) / (x - x))
    assert cause_of(tanh(2)) == "a number where PyTorch has none (2 of 2 entries)"


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


def test_a_repeated_index_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUBJECT.__dict__, "twin", lambda layer, ids, weight: weight[ids])
    case = case_of(Rows(), ids=np.array([0, 2, 4, 2]), weight=normal(5, 3))
    assert cause_of(case) == "only where ids repeats an index: = for +="
    break_gradient(
        monkeypatch, Rows, "weight", lambda g, s, d: g["weight"] * [[1], [1], [1], [1], [2]]
    )
    assert cause_of(replace(case, arrays={**case.arrays, "ids": np.array([0, 1, 4, 2])})) == (
        "only row 4 (the last): factor 2"
    )


ONE = case_of(Tanh(), x=np.array([0.7]))
PAIR = case_of(MSELoss(reduction="sum"), x=normal(2), target=normal(2, seed=1))
EYE = case_of(MatMul(), x=normal(1, 2), other=normal(2, 2, seed=1))


@pytest.mark.parametrize(
    ("case", "change", "cause"),
    [
        (ONE, lambda g, s, d: 3.1 * g["x"], "factor 3.1"),
        (ONE, lambda g, s, d: g["x"] / d, "the factor dy is missing"),
        (ONE, lambda g, s, d: g["x"] - 0.5 * d, "factor 0.5 of the term proportional to dy"),
        (ONE, lambda g, s, d: g["x"] + np.sin(7 * d), "not recognised"),
        (
            PAIR,
            lambda g, s, d: -g["x"],
            "sign, or the gradient of target: swapped arguments, or a factor is missing",
        ),
        (SMALL, lambda g, s, d: g["x"] / 0.7, "factor 1.429"),
        (EYE, lambda g, s, d: d @ s[1], "as if other were transposed"),
        (
            case_of(Sigmoid(), x=np.array([0.7])),
            lambda g, s, d: s[0] * d,
            "the factor (1 − y) is missing",
        ),
        # A factor of 2 is the length of an axis here, but not where axes are longer.
        (tanh(2, 2), lambda g, s, d: 2 * g["x"], "factor 2"),
    ],
)
def test_what_explains_one_case_by_chance_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch, case: Case, change: Any, cause: str
) -> None:
    break_gradient(monkeypatch, type(case.layer), "x", change)
    assert cause_of(case) == cause
