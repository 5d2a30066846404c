"""What is too large for its dtype on both sides may be lost in different ways; nothing else may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from gradproof.cases.case import Case
from gradproof.judge.overflow import overflows
from gradproof.judge.verdict import settled
from gradproof.rounding.bound import Comparison
from manual.layers.activation import GELU, ReLU
from manual.layers.arithmetic import Divide
from manual.layers.linear import Linear
from manual.layers.norm import BatchNorm1d
from manual.net import Net, Step
from tests.planted import SUBJECT, break_gradient, break_output, case_of, judged


def too_large(entry: float) -> Case:
    """Σ dy x is greater than any float32."""
    x = np.full((64, 1), 1e37)
    case = case_of(Linear(), "float32", x=x, weight=np.full((1, 1), entry))
    return replace(case, dy=(np.ones((64, 1), np.float32),))


def verdicts(case: Case) -> dict[str, set[str]]:
    findings = judged(case).findings
    return {q: {f.verdict for f in findings if f.quantity == q} for q in ("x", "weight", "other")}


def test_a_sum_that_overflows_otherwise(monkeypatch: Any) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, saved, dy: g["weight"] * np.nan)
    assert verdicts(too_large(0.5))["weight"] == {"vacuous"}


def test_a_product_of_the_largest_numbers(monkeypatch: Any) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, saved, dy: g["weight"] * np.nan)
    case = case_of(Linear(), "float32", x=np.array([[1e38], [2e38]]), weight=np.ones((1, 1)))
    assert verdicts(replace(case, dy=(np.full((2, 1), 3e38, "f4"),)))["weight"] == {"vacuous"}


def test_the_same_in_a_network(monkeypatch: Any) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, saved, dy: g["weight"] * np.nan)
    alone = too_large(0.5)
    net = Net(("x", "weight"), (Step("h1", Linear(), ("x", "weight")),))
    assert verdicts(replace(alone, layer=net))["weight"] == {"vacuous"}


def test_a_number_in_its_place_is_wrong(monkeypatch: Any) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, saved, dy: 0 * saved[1])
    assert verdicts(too_large(0.5))["weight"] == {"disagree"}


def test_what_is_infinite_by_itself_has_to_be(monkeypatch: Any) -> None:
    """1 / 0 is so for any dy."""
    case = case_of(Divide(), x=np.ones(3), other=np.array([0.0, 1.0, 2.0]))
    assert "disagree" not in set().union(*verdicts(case).values())
    break_gradient(
        monkeypatch, Divide, "x", lambda g, saved, dy: np.where(np.isinf(g["x"]), np.nan, g["x"])
    )
    assert verdicts(case)["x"] == {"disagree"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_products_of_an_output_that_overflow_and_cancel(dtype: str) -> None:
    """∞ − ∞ is NaN, but a fused product and sum rounds once, and stays −∞ or ∞."""
    large = np.sqrt(float(np.finfo(dtype).max)) * 4
    x = large * np.array([[1.0, -1.0], [1.0, 1.0], [-1.0, 2.0]])
    case = case_of(Linear(), dtype, x=x, weight=large * np.array([[1.0, 1.0], [2.0, -1.0]]))
    assert {f.verdict for f in judged(case).findings if f.quantity == "y"} <= {"agree", "vacuous"}


def test_an_output_that_overflows_otherwise(monkeypatch: Any) -> None:
    x = np.array([[1e300, 1e300]])
    break_output(monkeypatch, Linear, lambda y: np.where(np.isinf(y), np.nan, y))
    (found, *_) = judged(case_of(Linear(), x=x, weight=x)).findings
    assert (found.quantity, found.verdict, found.cause) == ("y", "vacuous", "it overflows")
    break_output(monkeypatch, Linear, lambda y: np.where(np.isnan(y), 1.0, y))
    (found, *_) = judged(case_of(Linear(), x=x, weight=x)).findings
    assert (found.quantity, found.verdict) == ("y", "disagree")


def test_an_output_that_is_infinite_by_itself_has_to_be(monkeypatch: Any) -> None:
    case = case_of(Divide(), x=np.full(2, 1e300), other=np.array([0.0, 2.0]))
    break_output(monkeypatch, Divide, lambda y: np.where(np.isinf(y), np.nan, y))
    assert {f.verdict for f in judged(case).findings if f.quantity == "y"} == {"disagree"}


def squared(dtype: str, x: float) -> Case:
    """Torch squares x, and of an infinity times no cotangent nothing is left."""
    case = case_of(GELU(approximate="tanh"), dtype, x=np.array([x, 0.5]))
    return replace(case, dy=(np.array([0, -0.5], dtype),))


def test_what_overflows_in_torch_alone_is_not_manuals_fault(monkeypatch: Any) -> None:
    case = squared("float32", 1e20)
    gradient = next(f for f in judged(case).findings if f.quantity == "x")
    assert (gradient.verdict, gradient.cause) == ("vacuous", "it overflows in torch")
    break_gradient(monkeypatch, GELU, "x", lambda g, saved, dy: g["x"] + np.float32(1e-3))
    assert verdicts(case)["x"] == {"disagree"}


@pytest.mark.parametrize(("second", "verdict"), [(3e19, "vacuous"), (3.1e19, "disagree")])
def test_one_entry_may_overflow_by_both_and_one_in_torch(second: float, verdict: str) -> None:
    x, weight = np.array([[3e19, 1.5]]), np.ones((1, 2))
    case = case_of(Linear(), "float32", x=x, weight=weight)
    case = replace(case, dy=(np.full((1, 1), 2e19, np.float32),))
    manual, reference = np.array([[[-np.inf, second]], [[np.nan, np.inf]]], np.float32)
    f = settled("", case, "isolated", "weight", Comparison(manual, reference))
    assert f.verdict == "disagree"
    overflows(SUBJECT.twin, case, [f])
    assert (f.verdict, f.cause) == (verdict, "it overflows" if verdict == "vacuous" else "")


def test_in_float64_balls_say_what_it_should_be(monkeypatch: Any) -> None:
    assert verdicts(squared("float64", 1e20))["x"] == {"agree"}
    assert verdicts(squared("float64", 1e200))["x"] == {"reference"}
    break_gradient(monkeypatch, GELU, "x", lambda g, saved, dy: g["x"] + 1e-9)
    assert verdicts(squared("float64", 1e200))["x"] == {"disagree"}


def test_what_cancels_may_overflow_in_torch_alone(monkeypatch: Any) -> None:
    """Of two rows nearly nothing is left of dy; torch's products of it are beyond float32."""
    x = np.array([[-180.61093, -270.97137, 132.91624], [-73.9601, -67.233406, -237.95816]])
    case = case_of(BatchNorm1d(), "float32", x=x, running_mean=np.zeros(3), running_var=np.ones(3))
    rows = [[-7.4246606e36, -2.4033502e36, -5.5461926e36], [-4.8512288e36, -1.6712319e36, -3.6e36]]
    case = replace(case, dy=(np.array(rows, np.float32), None, None))
    gradient = next(f for f in judged(case).findings if f.quantity == "x")
    assert (gradient.verdict, gradient.cause) == ("vacuous", "it overflows in torch")
    break_gradient(monkeypatch, BatchNorm1d, "x", lambda g, saved, dy: g["x"] + dy[0])
    assert verdicts(case)["x"] == {"disagree"}


def test_an_output_may_overflow_in_torch_alone(monkeypatch: Any) -> None:
    """A ratio of squares."""
    twin = SUBJECT.twin
    case = case_of(ReLU(), "float32", x=np.array([3e30, 4.0]))
    monkeypatch.setitem(SUBJECT.__dict__, "twin", lambda layer, x: twin(layer, x) * x * x / (x * x))
    found = judged(case).findings
    assert [f.verdict for f in found] == ["vacuous", "vacuous"]
    assert {f.cause for f in found} == {"it overflows in torch"}
