"""At a kink another one-sided derivative than torch's is a convention; anything else is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from gradproof.verdict import Finding
from manual.elu import ELU
from manual.hard import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, ReLU6, Softshrink
from manual.rectifier import LeakyReLU, ReLU
from tests.planted import break_gradient, case_of, judged

# A kink of each layer, and the slope on the side that torch does not take.
OTHER_SIDES = [
    (ReLU(), 0.0, 1.0),
    (LeakyReLU(), 0.0, 1.0),
    (ELU(alpha=0.5), 0.0, 1.0),
    (ReLU6(), 6.0, 1.0),
    (Hardtanh(), -1.0, 1.0),
    (Hardsigmoid(), 3.0, 1 / 6),
    (Hardswish(), 3.0, 1.5),
    (Hardswish(), -3.0, -0.5),
    (Softshrink(), 0.5, 1.0),
]


def verdict(monkeypatch: Any, layer: Any, kink: float, slope: float) -> Finding:
    def change(grads: Any, saved: Any, dy: Any) -> Any:
        return np.where(at_kink, slope * dy, grads["x"])

    x = np.array([kink, 0.25, -7.5])
    at_kink = x == kink
    break_gradient(monkeypatch, type(layer), "x", change)
    case = case_of(layer, x=x)
    return next(f for f in judged(case).findings if f.quantity == "x")


@pytest.mark.parametrize(("layer", "kink", "slope"), OTHER_SIDES)
def test_the_other_side_is_a_convention(
    monkeypatch: Any, layer: Any, kink: float, slope: float
) -> None:
    assert verdict(monkeypatch, layer, kink, slope).verdict == "convention"


@pytest.mark.parametrize(("layer", "kink", "slope"), OTHER_SIDES)
def test_beyond_both_sides_is_wrong(
    monkeypatch: Any, layer: Any, kink: float, slope: float
) -> None:
    outside = slope + 1e-6 if slope > 0 else slope - 1e-6
    assert verdict(monkeypatch, layer, kink, outside).verdict == "disagree"


def test_a_smooth_place_has_no_other_side(monkeypatch: Any) -> None:
    found = verdict(monkeypatch, Hardshrink(), 0.25, 1.0)
    assert found.verdict == "disagree"
