"""What is a sum of products, and how far its rounding reaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the terms are those of torch's graph")

import torch

from gradproof.cases.case import Case, smooth_names
from gradproof.judge.compare import measure
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import C, Comparison
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Add, MatMul, Multiply, Subtract
from manual.layers.linear import Bilinear, Linear
from tests.planted import SUBJECT, break_gradient, case_of, judged, normal

LINEAR = case_of(Linear(), x=normal(3, 40), weight=normal(5, 40), bias=normal(5))
CUBE = case_of(Linear(), x=normal(2, 3, 4), weight=normal(5, 4))


def oracle_of(case: Case) -> Oracle:
    oracle = Oracle.of(SUBJECT.twin, case)
    oracle.pull(case.with_dy(oracle.y).dy)
    return oracle


def terms_of(case: Case) -> dict[str, Any]:
    return dict(zip(["y", *smooth_names(case)], oracle_of(case).magnitudes(), strict=True))


def test_the_terms_of_a_linear_are_the_products_of_the_magnitudes() -> None:
    x, w, b = (abs(a) for a in LINEAR.arrays.values() if a is not None)
    dy = abs(LINEAR.with_dy(oracle_of(LINEAR).y).dy[0])  # type: ignore[arg-type]
    expected = {"y": x @ w.T + b, "x": dy @ w, "weight": dy.T @ x, "bias": dy.sum(0)}
    found = terms_of(LINEAR)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # Two orders of adding up to 41 positive terms; Higham (2002), §4.2.
        np.testing.assert_allclose(found[name], value, rtol=2 * 41 * 2.0**-53)


@pytest.mark.parametrize(
    "case",
    [
        CUBE,
        case_of(MatMul(), x=normal(3, 4), other=normal(4, 2)),
        case_of(MatMul(), x=normal(2, 1, 3, 4), other=normal(5, 4, 2)),
        case_of(MatMul(), x=normal(4), other=normal(4)),
        case_of(MatMul(), x=normal(3, 4), other=normal(4)),
        case_of(Bilinear(), x1=normal(3, 2), x2=normal(3, 4), weight=normal(5, 2, 4)),
        case_of(Multiply(), x=normal(3, 4), other=normal(4)),
    ],
    ids=repr,
)
def test_no_term_is_larger_than_all_of_them(case: Case) -> None:
    oracle = oracle_of(case)
    made = [*oracle.y, *oracle.pull(case.with_dy(oracle.y).dy).values()]
    for terms, value in zip(oracle.magnitudes(), made, strict=True):
        assert terms is not None and value is not None
        assert terms.shape == value.shape
        assert (terms >= abs(value) * (1 - 1e-12)).all()


@pytest.mark.parametrize(
    "case",
    [
        case_of(Add(), x=normal(3), other=normal(3)),
        case_of(Subtract(), x=normal(3), other=normal(3)),
        case_of(Tanh(), x=normal(3)),
        case_of(ReLU(), x=normal(3)),
        case_of(
            Bilinear(), x1=normal(3, 2), x2=normal(3, 4), weight=normal(5, 2, 4), bias=normal(5)
        ),
    ],
    ids=repr,
)
def test_what_may_cancel_or_is_no_product_has_no_terms(case: Case) -> None:
    assert oracle_of(case).magnitudes() == []


def test_what_needs_no_gradient_has_no_terms() -> None:
    oracle = Oracle(torch.square, {"x": np.ones(3)}, [False])
    oracle.pull([np.ones(3)])
    assert oracle.magnitudes() == []


def test_an_index_stays_as_it_is() -> None:
    oracle = Oracle(torch.mul, {"x": np.array([-1.5]), "other": np.array([-2])}, [True, False])
    oracle.pull([np.array([-3.0])])
    y, g = oracle.magnitudes()
    assert (y, g) == (np.array([-3.0]), np.array([-6.0]))


def test_gradients_are_left_out_where_they_are_not_asked_for() -> None:
    y, *gradients = oracle_of(LINEAR).magnitudes(backward=False)
    assert y is not None and gradients == [None] * 3


def test_the_roundoff_of_the_terms_is_the_floor() -> None:
    u, least = 2.0**-53, float(np.finfo("float64").smallest_normal)
    c = Comparison(np.array([1e-3, 4.0]), np.array([0.0, 2.0]))
    c.add_terms(np.array([-3.0, 1.0]))
    assert c.bound.tolist() == [C * (3 * u + least), C * (2 * u + least)]
    assert c.samples == 1 and not c.within()


def test_terms_that_overflow_say_nothing() -> None:
    c = Comparison(np.array([1e-3, 1.0]), np.array([0.0, 1.0]))
    before = c.bound
    c.add_terms(np.array([np.inf, np.nan]))
    assert np.array_equal(c.bound, before)
    same = Comparison(before, before)
    same.add_terms(before)
    assert same.samples == 1 and same.within()


def off_by(roundings: float) -> tuple[Comparison, Oracle]:
    """The bias' gradient of a Linear, a sum of 40, off by so many times u Σ |term|."""
    case = case_of(Linear(), x=normal(40, 2), weight=normal(3, 2), bias=normal(3))
    oracle = oracle_of(case)
    *_, g = oracle.pull(case.with_dy(oracle.y).dy).values()
    *_, terms = oracle.magnitudes()
    assert g is not None and terms is not None
    wrong = g + np.array([0, roundings, 0]) * 2.0**-53 * terms
    return Comparison(wrong, g), oracle


def test_an_error_of_so_many_roundings_is_settled_by_the_terms() -> None:
    c, oracle = off_by(C - 1)
    assert measure({"bias": c}, oracle) == 1
    assert c.within() and c.samples == 1


def test_a_greater_one_is_settled_by_disturbances_or_not_at_all() -> None:
    c, oracle = off_by(C + 2)  # up to n = 40 another order of adding explains it
    assert not c.within()
    measure({"bias": c}, oracle)
    assert c.samples > 1
    c, oracle = off_by(1000)
    measure({"bias": c}, oracle)
    assert not c.within()


def test_a_right_sum_in_another_order_needs_its_terms_alone() -> None:
    found = judged(LINEAR)
    assert found.verdict == "agree" and found.floors <= 1


def test_the_terms_hide_no_wrong_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, saved, dy: g["weight"] * (1 + 1e-12))
    assert judged(LINEAR).verdict == "disagree"
