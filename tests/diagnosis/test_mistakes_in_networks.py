"""From a wrong gradient of a network, whose layers are right, to the value that it loses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network's gradients are torch's")

from gradproof.diagnosis.evidence import evidence
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Multiply, Subtract
from manual.net import Net, Step
from tests.planted import (
    RESIDUAL,
    SUBJECT,
    break_gradient,
    case_of,
    cause_of,
    culprit_of,
    normal,
    on,
    without_accumulation,
)

CASE = case_of(RESIDUAL, x=normal(3, 4))


def test_lost_accumulation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Net, "backward", without_accumulation)
    assert culprit_of(CASE)[0].depth == "chained"
    assert cause_of(CASE) == (
        "a value used twice (h1) keeps only its first use's gradient: = for +="
    )


def test_a_lost_path_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Net.backward

    def without_sigmoid(self: Net, saved: Any, dy: Any) -> dict[str, Any]:
        cut = (*saved[:1], (np.zeros_like(saved[1][0]),), *saved[2:])
        return right(self, cut, dy)

    monkeypatch.setattr(Net, "backward", without_sigmoid)
    # h1 has two uses; without that in h2 it is as if only the last counted.
    assert cause_of(CASE) == "a value used twice (h1) keeps only its last use's gradient: = for +="


PRODUCTS = Net(
    ("x",),
    (
        Step("a", Tanh(), ("x",)),
        Step("b", Multiply(), ("a", "x")),
        Step("c", Multiply(), ("b", "a")),
    ),
)
X, DY = np.array([0.5, -1.0]), np.array([1.0, 2.0])
A = np.tanh(X)
SLOPE = 1 - A * A
DIRECT = DY * A * A
"""Of y = a² x with a = tanh x the gradient is DIRECT + 2 dy a x SLOPE."""


@pytest.mark.parametrize(
    ("gradient", "cause"),
    [
        (DIRECT, "a value used twice (x, a) keeps only its last use's gradient: = for +="),
        (2 * DY * A * X * SLOPE, "the gradient of x from step b does not arrive"),
        (DIRECT + DY * A * X * SLOPE, "the gradient of a from step b does not arrive"),
        (
            2 * DIRECT + 4 * DY * A * X * SLOPE,
            "factor 2 (the length of axis 0 of x: a mean is missing?)",
        ),
    ],
)
def test_the_step_is_named_whose_gradient_does_not_arrive(
    monkeypatch: pytest.MonkeyPatch, gradient: Any, cause: str
) -> None:
    break_gradient(monkeypatch, Net, "x", lambda g, s, d: gradient * d / DY)
    assert cause_of(on(PRODUCTS, DY, x=X)) == cause


def test_the_only_use_of_three_that_arrives_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of y = a x − x, that of x in the product."""
    net = Net(("x",), (*PRODUCTS.steps[:2], Step("c", Subtract(), ("b", "x"))))
    break_gradient(monkeypatch, Net, "x", lambda g, s, d: d * A)
    assert cause_of(on(net, DY, x=X)) == (
        "of the uses of x only the one in step b arrives: = for +="
    )


def test_uses_of_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Net, "x", lambda g, s, d: 3 * g["x"])
    e = evidence(SUBJECT, *culprit_of(on(PRODUCTS, DY, x=X)))
    assert e.uses() == {"x": [(0, 0), (1, 1)], "a": [(1, 0), (2, 1)], "b": [(2, 0)]}
    through_b = through_c = DY * A * X * SLOPE
    for lost, left in (
        ([], through_b + through_c + DIRECT),
        ([(1, 0)], through_c + DIRECT),
        ([(1, 1)], through_b + through_c),
        ([(0, 0)], DIRECT),
        ([(0, 0), (1, 1)], 0 * X),
    ):
        assert np.allclose(e.without(lost), left), lost
