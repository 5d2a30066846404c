"""Which factor or term of a gradient's formula is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Multiply
from manual.layers.softmax import Softmax
from tests.planted import break_gradient, case_of, cause_of, normal

TANH = case_of(Tanh(), x=normal(4, 5))


@pytest.mark.parametrize(
    ("derivative", "cause"),
    [
        (lambda x, y: 1, "dy itself: the factor of the layer's derivative is missing"),
        (lambda x, y: 1 - y, "the factor (1 + y) is missing"),
        (lambda x, y: (1 - y * y) / x, "the factor x is missing"),
        (lambda x, y: (1 - y * y) * y, "one factor y too many"),
        (lambda x, y: (1 - y * y) * (1 - y), "one factor (1 − y) too many"),
        (lambda x, y: y, "as if tanh x·dy stood for (1 − tanh² x)·dy"),
        (lambda x, y: 1 - x * x, "as if x·x·dy stood for y·y·dy"),
        (lambda x, y: 1 - x * y, "as if x·y·dy stood for y·y·dy"),
        (lambda x, y: 1 + y * y, "the sign of the term proportional to dy·y·y"),
        (lambda x, y: 1 - 2 * y * y, "factor 2 of the term proportional to dy·y·y"),
    ],
)
def test_tanh(monkeypatch: pytest.MonkeyPatch, derivative: Any, cause: str) -> None:
    """Its derivative is 1 − y²."""
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: derivative(np.arctanh(s[0]), s[0]) * d)
    assert cause_of(TANH) == cause


def total(a: Any, axis: int) -> Any:
    return a.sum(axis=axis, keepdims=True)


@pytest.mark.parametrize(
    ("gradient", "cause"),
    [
        (lambda y, d: y * d, "a term proportional to y along axis 1 is missing"),
        (
            lambda y, d: -y * total(y * d, 1),
            "a term proportional to dy·y is missing, or has another factor",
        ),
        (
            lambda y, d: y * (d - total(y * d, 0)),
            "as if y·Σ(y·dy) along axis 0 stood for y·Σ(y·dy) along axis 1",
        ),
        (
            lambda y, d: y * (1 - y) * d,
            "a sum is missing: as if y·y·dy stood for y·Σ(y·dy) along axis 1",
        ),
    ],
)
def test_softmax(monkeypatch: pytest.MonkeyPatch, gradient: Any, cause: str) -> None:
    """Its gradient is y (dy − Σ(y dy))."""
    break_gradient(monkeypatch, Softmax, "x", lambda g, s, d: gradient(s[0], d))
    assert cause_of(case_of(Softmax(dim=1), x=normal(3, 4))) == cause


def test_a_mean_for_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Softmax, "x", lambda g, s, d: s[0] * (d - (s[0] * d).mean()))
    assert cause_of(case_of(Softmax(dim=0), x=normal(2))) == (
        "averaged: as if y·mean(y·dy) along axis 0 stood for y·Σ(y·dy) along axis 0"
    )


def test_a_factor_of_a_product_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Multiply, "x", lambda g, s, d: d)
    assert cause_of(case_of(Multiply(), x=normal(4, 3), other=normal(3))) == (
        "dy itself: the factor of the layer's derivative is missing"
    )


def test_what_forward_keeps_is_a_pattern_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Tanh, x: Any) -> Any:
        y = np.tanh(x)
        return y, (y, None, np.cos(np.arange(x.size, dtype=x.dtype)).reshape(x.shape))

    def backward(self: Tanh, saved: Any, dy: Any) -> Any:
        y, _, pattern = saved
        return {"x": dy * (1 - y * y) - pattern * (y * dy).sum(axis=0, keepdims=True)}

    monkeypatch.setattr(Tanh, "forward", forward)
    monkeypatch.setattr(Tanh, "backward", backward)
    said = "a term proportional to saved array 3 along axis 0 is missing"
    assert cause_of(case_of(Tanh(), x=normal(3, 4))) == said
