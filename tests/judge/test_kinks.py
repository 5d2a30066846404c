"""At a kink another one-sided derivative than torch's is a convention; anything else is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from gradproof.judge.dispatch import judge
from gradproof.judge.kinks import jumps
from gradproof.judge.verdict import Finding
from manual.layers.activation import ELU, LeakyReLU, ReLU
from manual.layers.activation_hard import (
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    ReLU6,
    Softshrink,
)
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.arithmetic import Add, Divide, Multiply
from manual.layers.reduce import Max
from manual.losses.binary_cross_entropy import BCELoss
from manual.net import Net, Step
from tests.planted import SUBJECT, break_gradient, case_of, judged, normal, on

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
    found = verdict(monkeypatch, layer, kink, slope)
    assert found.choice and found.verdict == "disagree"
    declared = replace(SUBJECT, conventions={found.kind: "as it is"})
    assert judge(declared, found.layer_case).findings[-1].verdict == "convention"


@pytest.mark.parametrize(("layer", "kink", "slope"), OTHER_SIDES)
def test_beyond_both_sides_is_wrong(
    monkeypatch: Any, layer: Any, kink: float, slope: float
) -> None:
    outside = slope + 1e-6 if slope > 0 else slope - 1e-6
    found = verdict(monkeypatch, layer, kink, outside)
    assert found.verdict == "disagree" and not found.choice


def test_a_smooth_place_has_no_other_side(monkeypatch: Any) -> None:
    found = verdict(monkeypatch, Hardshrink(), 0.25, 1.0)
    assert found.verdict == "disagree"


SLOPES = [
    (ReLU(), [0.0, 2.0, 0.0], [3.0, 5.0, -2.0], [0.0, 5.0, -2.0], [3.0, 5.0, 0.0]),
    (Hardswish(), [3.0, -3.0, 1.0], [1.0, 1.0, 6.0], [1.0, -0.5, 5.0], [1.5, 0.0, 5.0]),
    (Max(), [1.0, 1.0, 0.0], 3.0, [0.0, 0.0, 0.0], [3.0, 3.0, 0.0]),
    (Max(), [1.0, 0.0, 1.0, 1.0], 6.0, [0.0, 0.0, 0.0, 0.0], [6.0, 0.0, 6.0, 6.0]),
    (ReLU(), [1e6, 0.0], [1.0, 4.0], [1.0, 0.0], [1.0, 4.0]),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("layer", "x", "dy", "low", "high"), SLOPES)
def test_the_slopes_on_either_side(
    layer: Any, x: Any, dy: Any, low: Any, high: Any, dtype: str
) -> None:
    case = replace(case_of(layer, dtype, x=np.array(x)), dy=(np.array(dy, dtype),))
    few = 1 if np.count_nonzero(np.array(x) == max(x)) < 3 else 8  # enough for two that tie
    for directions in (few, 8):
        found = jumps(SUBJECT.twin, case, directions)
        assert [np.round(side, 6).tolist() for side in found["x"]] == [low, high]


def test_where_there_is_no_kink_there_is_no_jump() -> None:
    other = np.array([[1.0, -1.0]])
    case = case_of(Multiply(), x=np.array([[0.0], [2.0]]), other=other)
    case = replace(case, dy=(np.ones((2, 2)),))
    assert jumps(SUBJECT.twin, case, 8) == {}


def test_what_is_at_the_edge_of_its_domain_is_moved_inside() -> None:
    """Binary cross-entropy takes probabilities alone, and is smooth on all of them."""
    half = np.full(3, 0.5)
    case = case_of(BCELoss(reduction="none"), x=np.array([0.0, 1.0, 0.25]), target=half)
    case = replace(case, dy=(np.ones(3),))
    assert "x" not in jumps(SUBJECT.twin, case, 8)


def nested(*steps: Step) -> Net:
    """These steps as a network inside of another."""
    inner = Net(("x",), steps)
    return Net(("x",), (Step("h1", Tanh(), ("x",)), Step("h2", inner, ("h1",))))


def round_up(monkeypatch: Any, units: int = 1) -> None:
    """Sigmoid's outputs a few units in the last place greater than they should be."""
    right = Sigmoid.forward

    def upwards(self: Sigmoid, x: Any) -> Any:
        y, saved = right(self, x)
        return y + units * np.spacing(y), saved

    monkeypatch.setattr(Sigmoid, "forward", upwards)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_rounding_that_crosses_a_kink_is_no_error(monkeypatch: Any, dtype: str) -> None:
    """Torch's 0.5 is cut off by Hardshrink(0.5); one unit in the last place more is not."""
    round_up(monkeypatch)
    steps = Step("h1", Sigmoid(), ("x",)), Step("h2", Hardshrink(0.5), ("h1",))
    for net in (Net(("x",), steps), nested(*steps)):
        judgement = judged(case_of(net, dtype, x=np.array([0.0, 0.25, -7.5])))
        crossed = [f for f in judgement.findings if "between the two forwards" in f.cause]
        assert "y" in {f.quantity for f in crossed}
        assert {f.cause for f in crossed} == {
            "a kink lies between the two forwards; right at its own state"
        }
        assert judgement.culprit is None


def test_what_is_put_together_at_its_own_state_has_its_memory_order(monkeypatch: Any) -> None:
    """A sum over 40 rows is rounded otherwise column by column; torch has a zero without noise."""
    round_up(monkeypatch, units=7)
    steps = (
        Step("h1", Sigmoid(), ("x",)),
        Step("h2", Hardshrink(0.5 + 6 * float(np.spacing(0.5))), ("h1",)),
        Step("y", Add(), ("h2", "z")),
    )
    arrays = {"x": np.array([[0.0, 0.25, -7.5]]), "z": normal(40, 3)}
    case = on(Net(("x", "z"), steps), normal(40, 3, seed=1), **arrays)
    judgement = judged(replace(case, layout="F"))
    assert "x" in {f.quantity for f in judgement.findings if "between the two" in f.cause}
    assert judgement.culprit is None


def test_wrong_wiring_beside_a_crossed_kink_is_found(monkeypatch: Any) -> None:
    """The network's gradients have to be what its layers' add up to."""
    round_up(monkeypatch)
    steps = Step("h1", Sigmoid(), ("x",)), Step("h2", Hardshrink(0.5), ("h1",))
    inner = Step("h1", Net(("x",), steps), ("x",))
    net = Net(("x",), (inner, Step("h2", Multiply(), ("h1", "x")), Step("h3", Tanh(), ("h2",))))
    case = case_of(net, x=np.array([0.0, 0.25, -7.5]))
    assert judged(case).culprit is None
    right = Net.backward

    def doubled(self: Net, saved: Any, dy: Any) -> Any:
        return {n: (2 if self is net else 1) * g for n, g in right(self, saved, dy).items()}

    monkeypatch.setattr(Net, "backward", doubled)
    found = judged(case).culprit
    assert found is not None and (found.depth, found.quantity) == ("chained", "x")


def test_a_wrong_layer_beside_a_crossed_kink_is_found(monkeypatch: Any) -> None:
    steps = Step("h1", Sigmoid(), ("x",)), Step("h2", Hardshrink(0.5), ("h1",))
    break_gradient(monkeypatch, Sigmoid, "x", lambda grads, saved, dy: 0.5 * grads["x"])
    found = judged(case_of(nested(*steps), x=np.array([0.0, 0.25, -7.5]))).culprit
    assert found is not None and (found.layer, found.quantity) == ("h2.h1", "x")


def test_what_is_not_finite_inside_of_a_nested_network_says_nothing() -> None:
    """Of dy and a NaN torch's ELU makes dy in some entries and a NaN in others."""
    steps = (
        Step("h1", Divide(), ("x", "x")),
        Step("h2", Add(), ("h1", "other")),
        Step("h3", ELU(), ("h2",)),
    )
    inner = Step("h2", Net(("x", "other"), steps), ("h1", "other"))
    net = Net(("x", "other"), (Step("h1", Tanh(), ("x",)), inner))
    judgement = judged(case_of(net, x=np.zeros(31), other=np.ones(31)))
    assert judgement.culprit is None
    assert {f.verdict for f in judgement.findings if f.quantity == "other"} == {"vacuous"}
