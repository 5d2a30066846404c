"""Gradients that are wrong only where an input is at a kink, at a tie or on one side of a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="a finding has torch's numbers")

from gradproof.diagnosis.evidence import evidence
from gradproof.diagnosis.rules import special_points, where_wrong
from manual.layers.activation import ELU, ReLU
from manual.layers.activation_hard import Hardtanh
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Multiply
from manual.layers.reduce import Max
from tests.catalogue import bugs
from tests.planted import SUBJECT, break_gradient, case_of, cause_of, judged, normal

KINKED = np.array([[0.0, 1.5, -2.0], [3.0, 0.0, -0.5]])
TANH = case_of(Tanh(), x=normal(4, 5))


@pytest.mark.parametrize(
    ("case", "change", "cause"),
    [
        (
            case_of(ReLU(), x=KINKED),
            lambda g, s, d: g["x"] - 3 * d * (KINKED == 0),
            "only where x is 0 (wrong mask?): should be zero",
        ),
        (
            case_of(Tanh(), x=np.zeros(1)),
            lambda g, s, d: g["x"] * (s[0] != 0),
            "only where x is 0 (wrong mask, clip or eps?)",
        ),
        (
            case_of(Tanh(), x=np.zeros(())),
            lambda g, s, d: np.where(abs(s[0]) < 1e-3, 2 * g["x"], g["x"]),
            "only where x is 0 or near it (wrong mask, clip or eps?)",
        ),
        (
            case_of(ELU(alpha=-0.5), x=np.array(-1.4)),
            lambda g, s, d: d,
            "only where x is negative: dy itself, the factor of the layer's derivative is missing",
        ),
        (
            TANH,
            lambda g, s, d: g["x"] * (s[0] >= 0),
            "only where x is negative: zero, and should not be",
        ),
        (
            TANH,
            lambda g, s, d: g["x"] * (abs(s[0]) < np.tanh(1)),
            "only where |x| > 0.982: zero, and should not be",
        ),
        (
            TANH,
            lambda g, s, d: np.where(s[0] > np.tanh(1), d, g["x"]),
            "only where x > 0.946: dy itself, the factor of the layer's derivative is missing",
        ),
    ],
)
def test_the_inputs_are_named(
    monkeypatch: pytest.MonkeyPatch, case: Any, change: Any, cause: str
) -> None:
    break_gradient(monkeypatch, type(case.layer), "x", change)
    assert cause_of(case) == cause


def test_a_tie_where_there_is_none() -> None:
    with next(bug for bug in bugs() if bug.name == "max-near-ties").planted():
        assert cause_of(case_of(Max(), x=np.array([1000.0, 999.9999]))) == (
            "only where entries of x are nearly equal (wrong mask, clip or eps?)"
        )


@pytest.mark.parametrize(
    ("wrong", "well", "said"),
    [
        ([1, 2], [3, 4], "x < 3"),
        ([1, 2], [2, 5], "x < 2"),
        ([3, 4], [1, 2], "x > 2"),
        ([2, 4], [1, 2], "x > 2"),
        ([0, 2], [-1, -3], "x is positive"),
        ([1, 2], [0, -3], "x is positive"),
        ([-1, 0], [1, 3], "x is negative"),
        ([3, -3], [1, -2], "|x| > 2"),
        ([0.5, -0.5], [1, -2], "|x| < 1"),
        ([1, 2], [0, 3], "1 ≤ x ≤ 2"),
        ([1, 3], [3, 0], "1 ≤ x ≤ 3"),
        ([1, 3], [1, 5, 0], "1 ≤ x ≤ 3"),
        ([1, 3], [2, 5, 0], ""),
    ],
)
def test_what_parts_two_sorts_of_values(wrong: Any, well: Any, said: str) -> None:
    assert where_wrong._side("x", np.array(wrong), np.array(well)) == said


def test_what_is_special_about_inputs() -> None:
    def said(layer: Any, **arrays: Any) -> list[str]:
        case = case_of(layer, **{n: np.array(a) for n, a in arrays.items()})
        finding = judged(case).findings[1]
        return list(special_points._what(evidence(SUBJECT, finding, [])))

    assert said(Tanh(), x=[1.0, 2.0, 5.0]) == []
    assert said(Tanh(), x=[1.0, 2.0, 2.0]) == ["where entries of x are equal"]
    assert said(Tanh(), x=[1.0, 1.99, 2.0]) == ["where entries of x are nearly equal"]
    assert said(Tanh(), x=[-1.0, 1.95, 2.06]) == []
    assert said(Tanh(), x=[0.0, 0.0]) == ["where x is 0", "where entries of x are equal"]
    assert said(Tanh(), x=0.0) == ["where x is 0"]
    assert said(Tanh(), x=1.0) == []
    assert said(Hardtanh(-2.0, 3.0), x=-2.0) == ["where x is min_val, -2"]
    assert said(Hardtanh(-2.0, 3.0), x=2.0) == ["where x is −min_val, 2"]
    assert said(Hardtanh(-2.0, 3.0), x=3.0) == ["where x is max_val, 3"]
    assert said(Multiply(), x=[1.0, 4.0], other=[1.0, 4.0]) == ["where x is other"]
    assert said(Multiply(), x=[1.0, 4.0], other=[1.0, 3.0]) == []
    assert said(Multiply(), x=[1.0, 4.0], other=[0.0, 0.0]) == ["where other is 0"]
