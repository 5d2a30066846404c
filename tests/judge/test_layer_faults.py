"""What is wrong with a layer is found: in its gradients, its outputs and its conduct."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from gradproof.judge.compare import pair_up
from gradproof.judge.verdict import Finding
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Add
from manual.layers.linear import Linear
from manual.layers.shape import Split
from tests.planted import (
    Fault,
    Plant,
    case_of,
    fails,
    faults,
    gradient,
    judged,
    on,
    output,
    places,
    returned,
    whole,
    without,
)

X, DY = whole(3, 2), whole(3, 2, seed=2)
LINEAR = on(Linear(), whole(3, 4), x=X, weight=whole(4, 2), bias=whole(4))
RELU = on(ReLU(), DY, x=X)
SPLIT = on(Split(1, dim=1), None, whole(3, 1), x=X)


def writes(grads: Any, dy: Any) -> Any:
    dy *= 2
    return grads


def counted() -> Any:
    """Each call gives more than the one before."""
    calls = iter(range(1, 99))
    return lambda grads, dy: {n: g * next(calls) for n, g in grads.items()}


FAULTS = [
    Fault(LINEAR, gradient(Linear, "weight", np.negative), "weight"),
    Fault(
        LINEAR,
        gradient(Linear, "x", lambda g: g + np.eye(3, 2)),
        "x; x: it is not zero for a zero dy",
    ),
    Fault(
        LINEAR,
        gradient(Linear, "bias", lambda g: g[None]),
        "bias: its shape is (1, 4); it should be (4,)",
    ),
    Fault(
        LINEAR,
        gradient(Linear, "weight", lambda g: g.T),
        "weight: its shape is (2, 4); it should be (4, 2): transposed",
    ),
    Fault(
        RELU,
        returned(ReLU, lambda g, d: {"x": g["x"].astype("f4")}),
        "x: its dtype is float32; it should be float64",
    ),
    Fault(
        RELU,
        returned(ReLU, lambda g, d: {"x": g["x"] > 0}),
        "x: its dtype is bool; it should be float64: a mask without its factor?",
    ),
    Fault(LINEAR, returned(Linear, without("bias")), "bias: backward returned no gradient for it"),
    Fault(
        RELU,
        returned(ReLU, lambda g, d: g | {"slope": g["x"].copy()}),
        "slope: backward returned a gradient for it, though it has none",
    ),
    Fault(
        RELU,
        returned(ReLU, lambda g, d: g | {"slope": g["x"]}),
        (
            "slope: backward returned a gradient for it, though it has none; "
            "x, slope: it can be written to and shares memory with dy or another gradient"
        ),
    ),
    Fault(RELU, gradient(ReLU, "x", lambda g: g * np.nan), "x"),
    Fault(
        RELU,
        returned(ReLU, lambda g, d: g["x"]),
        "backward: backward returned ndarray, not a plain dictionary",
    ),
    Fault(
        RELU,
        returned(ReLU, lambda g, d: {"x": 1.0}),
        "x: its gradient is float, not a plain array",
    ),
    Fault(RELU, returned(ReLU, fails), "backward: backward raised ValueError: not today"),
    Fault(RELU, output(ReLU, fails), "y: forward raised ValueError: not today"),
    Fault(RELU, output(ReLU, lambda y: y.tolist()), "y: forward returned list, not a plain array"),
    Fault(
        RELU,
        output(ReLU, lambda y: (y, y)),
        "backward: backward raised AttributeError: 'tuple' object has no attribute 'dtype'",
    ),
    Fault(
        RELU, output(ReLU, lambda y: y.T), "y: its shape is (2, 3); it should be (3, 2): transposed"
    ),
    Fault(RELU, output(ReLU, lambda y: y + 1), "y"),
    Fault(SPLIT, output(Split, lambda y: (y[0], 2 * y[1])), "y1"),
    Fault(SPLIT, gradient(Split, "x", np.negative), "x"),
    Fault(
        RELU,
        returned(ReLU, writes),
        (
            "backward: backward raised ValueError: output array is read-only "
            "(it writes into something it received)"
        ),
    ),
    Fault(RELU, returned(ReLU, lambda g, d: {"x": d.view()}), "x"),
    Fault(
        RELU,
        returned(ReLU, counted()),
        "x: a second backward gives another result",
    ),
    Fault(
        RELU,
        gradient(ReLU, "x", np.abs),
        "x; x: it is not linear in dy: −2 dy does not give −2 times the gradient",
    ),
    Fault(RELU, gradient(ReLU, "x", lambda g: g + (g == 0)), "x; x: it is not zero for a zero dy"),
]


@pytest.mark.parametrize(("case", "plant", "said"), FAULTS)
def test_a_fault_is_found_at_its_place(
    monkeypatch: pytest.MonkeyPatch, case: Any, plant: Plant, said: str
) -> None:
    plant(monkeypatch)
    assert faults(judged(case)) == said


def test_right_layers_have_no_fault() -> None:
    for case, compared in ((LINEAR, "y, x, weight, bias"), (SPLIT, "y, y1, x")):
        judgement = judged(case)
        assert judgement.verdict == "agree"
        assert places(judgement, "agree") == compared
        assert judgement.floors == 0, "these numbers are whole: no noise has to be measured"


def test_what_could_not_have_failed_is_vacuous() -> None:
    case = on(Tanh(), np.array([1.0, 2.0]), dtype="float32", x=np.zeros(2))
    y, _ = judged(case).findings
    assert (y.verdict, y.cause) == ("vacuous", "all zero")


@pytest.mark.parametrize(
    ("hazard", "kink"),
    [
        ("normal", False),
        ("grid", True),
        ("few", True),
        ("rectified", True),
        ("constant-rows", True),
    ],
)
def test_a_kink_counts_where_it_was_drawn_on_purpose(hazard: str, kink: bool) -> None:
    tied = replace(on(ReLU(), DY, x=X * (X > 1)), hazards=(hazard, "normal", "few"))
    assert judged(tied).kink is kink
    assert not judged(replace(SPLIT, hazards=(hazard,) * 3)).kink, "it is smooth"


def test_what_cannot_be_compared() -> None:
    """Whole numbers are compared as they are; a layer of another subject may return some."""
    found: list[Finding] = []
    ints = np.array([1, 2, 3])
    x = ones = np.ones(2)
    case = case_of(Add(), x=x, other=ones)
    pending = pair_up(
        "h",
        case,
        (ints, ints + 1, ones),
        (ints, ints, ones),
        {"x": ones, "other": np.zeros(2), "z": ones},
        {"x": None, "other": None},
        found,
    )
    assert sorted(pending) == ["other", "x", "y2"]
    assert [pending[q].exact for q in ("y2", "x", "other")] == [True, False, True]
    pair_up("h", case, (ones,), (ones, ones), {}, {"x": None, "other": ones}, found, scale=3.0)
    assert {(f.layer, f.depth, f.verdict) for f in found} == {("h", "isolated", "disagree")}
    assert all(f.case is case for f in found)
    assert [(f.quantity, f.cause) for f in found] == [
        ("y1", "the integers differ"),
        ("z", "backward returned a gradient for it, though it has none"),
        ("y", "forward returned 1 outputs; there should be 2"),
        ("other", "backward returned no gradient for it"),
    ]
