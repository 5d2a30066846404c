"""Derivatives by other means than autograd: they are right, or silent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.oracle.layer import Oracle
from gradproof.witnesses.complex_step import complex_step
from gradproof.witnesses.finite_differences import differences
from manual.layer import Layer, Real, Saved
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Sigmoid
from manual.layers.linear import Linear
from manual.layers.reduce import Max
from manual.layers.softmax import LogSoftmax, Softmax
from manual.losses.regression import MSELoss
from tests.planted import GATED, SUBJECT, case_of, judged, normal, on

X = normal(4, 3)


@pytest.mark.parametrize(
    "case",
    [
        case_of(Linear(), x=X, weight=normal(2, 3), bias=normal(2)),
        case_of(Sigmoid(), x=30 * X),
        case_of(Softmax(dim=1), x=X),
        case_of(LogSoftmax(dim=0), x=1e-8 * X),
        case_of(ReLU(), x=X),
        case_of(Max(dim=1), x=X),
        case_of(MSELoss(), x=X, target=normal(4, 3, seed=1)),
        case_of(GATED, x=X, weight=normal(2, 3)),
    ],
    ids=lambda case: case.kind,
)
def test_it_is_the_derivative_to_full_precision(case: Case) -> None:
    case = judged(case).case
    for name, gradient in Oracle.of(SUBJECT.twin, case).pull(case.dy).items():
        assert gradient is not None
        for index in np.ndindex(gradient.shape):
            third = complex_step(case, name, index)
            assert third is not None
            assert abs(third - gradient[index]) <= 1e-14 * np.abs(gradient).max()


def test_float32_cases_are_answered_in_float64() -> None:
    case = judged(case_of(Sigmoid(), "float32", x=X)).case
    x, dy = case.arrays["x"], case.dy[0]
    assert x is not None
    assert dy is not None
    s = 1 / (1 + np.exp(-float(x[1, 1])))
    assert complex_step(case, "x", (1, 1)) == pytest.approx(
        float(dy[1, 1]) * s * (1 - s), rel=1e-15
    )


@dataclass(frozen=True)
class _Told(Layer):
    """A layer whose forward is given."""

    rule: Any

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return self.rule(x), ()


REFUSED = {
    "the modulus, whose complex step is 0": (np.abs, -2.0),
    "the imaginary part is dropped": (lambda x: x.real * 3, 1.0),
    "conjugation": (lambda x: x * x.conjugate(), 1.0),
    "NumPy refuses": (np.floor, 1.5),
    "NumPy warns": (lambda x: np.array(x, dtype=float), 1.5),
    "not finite": (lambda x: 0 * x + np.nan, 1.0),
    "kink, 0 chosen": (lambda x: x * (x.real > 0), 0.0),
    "kink, 1 chosen": (lambda x: x * (x.real >= 0), 0.0),
    "jump": (lambda x: (x.real > 1) * 1.0 + x, 1.0),
    "forward fails": (lambda x: x[7], 1.0),
}


@pytest.mark.parametrize(("rule", "x"), REFUSED.values(), ids=REFUSED.keys())
def test_it_abstains_rather_than_guess(rule: Any, x: float) -> None:
    case = Case(_Told(rule), {"x": np.array([x, 5.0])}, {"x": "real"}, "float64", dy=(np.ones(2),))
    assert complex_step(case, "x", (0,)) is None


def test_it_does_not_abstain_at_a_minimum() -> None:
    case = Case(
        _Told(lambda x: x * x), {"x": np.zeros(2)}, {"x": "real"}, "float64", dy=(np.ones(2),)
    )
    assert complex_step(case, "x", (0,)) == 0


def test_it_abstains_for_what_is_no_argument_and_without_cotangent() -> None:
    case = case_of(Sigmoid(), x=X)
    assert complex_step(judged(case).case, "y", (0, 0)) is None
    assert complex_step(case, "x", (0, 0)) is None


ESTIMATED = {
    "smooth": (np.exp, 1.0, np.e),
    "large beside its slope": (lambda x: 1e8 + x, 3.0, 1.0),
    "near a kink": (np.abs, 1e-3, 1.0),
    "constant": (np.floor, 1.5, 0.0),
    "a minimum": (lambda x: x * x, 0.0, 0.0),
}


@pytest.mark.parametrize(("rule", "x", "slope"), ESTIMATED.values(), ids=ESTIMATED.keys())
def test_differences_know_their_error(rule: Any, x: float, slope: float) -> None:
    case = Case(_Told(rule), {"x": np.array([x])}, {"x": "real"}, "float64", dy=(np.ones(1),))
    estimate = differences(case, "x", (0,))
    assert estimate is not None
    assert abs(estimate[0] - slope) <= estimate[1] <= 1e-6


@pytest.mark.parametrize("name", ["jump", "not finite", "forward fails"])
def test_differences_abstain(name: str) -> None:
    rule, x = REFUSED[name]
    case = Case(_Told(rule), {"x": np.array([x])}, {"x": "real"}, "float64", dy=(np.ones(1),))
    assert differences(case, "x", (0,)) is None


def test_differences_abstain_at_a_kink() -> None:
    for rule in (np.abs, np.sqrt):
        case = Case(_Told(rule), {"x": np.zeros(1)}, {"x": "real"}, "float64", dy=(np.ones(1),))
        assert differences(case, "x", (0,)) is None


def test_a_step_from_a_subnormal_number_is_no_division_by_zero() -> None:
    case = on(Sigmoid(), [1.0, 1.0], x=np.array([5e-324, 1.0]))
    assert complex_step(case, "x", (0,)) == pytest.approx(0.25)


def test_beside_an_infinite_number_they_are_silent_and_come_to_an_end() -> None:
    case = on(Sigmoid(), [1.0, 1.0], x=np.array([np.inf, 1.0]))
    assert complex_step(case, "x", (1,)) is None


def test_differences_of_what_is_float32_inside_allow_for_its_rounding() -> None:
    def rule(x: Array) -> Array:
        if np.iscomplexobj(x):
            raise TypeError("real numbers only")
        return np.sin(x.astype(np.float32)).astype(x.dtype)

    case = Case(_Told(rule), {"x": np.array([0.7])}, {"x": "real"}, "float64", dy=(np.ones(1),))
    found = differences(case, "x", (0,))
    assert found is not None
    slope, error = found
    assert abs(slope - np.cos(0.7)) <= error < 0.01


def test_differences_do_not_believe_that_a_sine_of_large_numbers_is_flat() -> None:
    for x in (1.3e5, 1e4, 777.0):
        held = {"x": np.array([x])}
        case = Case(_Told(np.sin), held, {"x": "real"}, "float64", dy=(np.ones(1),))
        found = differences(case, "x", (0,))
        assert found is not None
        assert found[0] == pytest.approx(np.cos(x), abs=1e-5)


def test_a_step_that_is_rounded_itself_contradicts_nothing() -> None:
    """Numbers near 1000 whose largest and least differ by a thousandth."""
    x = 1000 + 1e-3 * normal(3, 4)

    def spread(x: Array) -> Array:
        if np.iscomplexobj(x):
            raise TypeError("real numbers only")
        return x.max(1) - x.min(1)

    case = Case(_Told(spread), {"x": x}, {"x": "real"}, "float64", dy=(np.ones(3),))
    for i in range(3):
        for j, slope in ((int(x[i].argmax()), 1.0), (int(x[i].argmin()), -1.0)):
            found = differences(case, "x", (i, j))
            assert found is not None
            assert found[0] == pytest.approx(slope, rel=1e-4)


def test_a_step_that_changes_the_size_of_y_gives_no_slope() -> None:
    class Positive(Layer):
        def forward(self, x: Real) -> tuple[Array, Saved]:
            return x[x > 0], ()

    case = replace(case_of(Positive(), x=np.array([0.25, -0.125, -7.5])), dy=(np.ones(1),))
    found = differences(case, "x", (0,))
    assert found is not None
    assert found[0] == pytest.approx(1, abs=1e-9)
    middle = replace(case, arrays={"x": np.array([0.0, 1.0])})
    assert differences(middle, "x", (0,)) is None
