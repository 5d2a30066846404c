"""What is wrong in a network is found, in its layer or in its wiring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks are judged against torch")

from gradproof.cases.case import Case
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanhshrink
from manual.layers.arithmetic import Add, Divide, Multiply
from manual.layers.linear import Linear
from manual.layers.norm import BatchNorm1d
from manual.layers.shape import Concatenate, Permute, Split
from manual.losses.cross_entropy import NLLLoss
from manual.net import Net, Step
from tests.planted import (
    Fault,
    Plant,
    break_gradient,
    chain,
    fails,
    faults,
    gradient,
    judged,
    on,
    output,
    place,
    places,
    returned,
    whole,
    without,
)

X, W, V = whole(3, 2), whole(4, 2), whole(2, 4, seed=1)
DY = whole(3, 2, seed=2)
CHAIN = on(chain(Linear(), ReLU(), Linear()), DY, x=X, w0=W, w2=V)
NESTED = on(chain(ReLU(), chain(ReLU(), chain(ReLU()))), DY, x=X)
DEEP = on(
    Net(
        ("x", "w", "b"),
        (
            Step("a", Net(("x", "w"), (Step("p", Linear(), ("x", "w")),)), ("x", "w")),
            Step("c", Add(), ("a", "b")),
            Step("d", Multiply(), ("c", "c")),
        ),
    ),
    whole(3, 4),
    x=X,
    w=W,
    b=whole(4),
)
PARTS = on(
    Net(
        ("x", "i"),
        (
            Step(("a", "b"), Split(1, dim=1), ("x",)),
            Step("c", Concatenate(dim=0), ("b", "a", "b")),
            Step("d", Permute((1, 0)), ("c",)),
            Step("y", NLLLoss(reduction="sum"), ("d", "i")),
        ),
    ),
    np.array(2.0),
    x=X,
    i=np.array([4]),
)
TWO = on(Net(("x",), (Step("a", ReLU(), ("x",)), Step(("b", "c"), Split(1, dim=1), ("a",)))),
         whole(3, 1), None, x=X)  # fmt: skip
HUGE = on(chain(Linear(), ReLU()), whole(3, 4), x=2.0**700 * abs(X), w0=2.0**700 * abs(W))
KINK = on(chain(Linear(), ReLU()), whole(3, 4), x=0 * X, w0=W)
POLE = on(
    Net(("x", "z"), (Step("a", Divide(), ("x", "z")), Step("b", ReLU(), ("a",)))),
    DY,
    x=X,
    z=whole(3, 2) - whole(3, 2)[0, 0],
)


FAULTS = [
    Fault(
        CHAIN,
        gradient(Linear, "weight", np.negative),
        "h2 weight, h0 weight, chained w0, chained w2, free w0, free w2",
    ),
    Fault(CHAIN, returned(ReLU, fails), "h1 backward: backward raised ValueError: not today"),
    Fault(CHAIN, output(ReLU, fails), "h1 y: forward raised ValueError: not today"),
    Fault(CHAIN, output(ReLU, lambda y: y + 1), "h1 y, free y, free w2"),
    Fault(
        CHAIN,
        gradient(ReLU, "x", lambda g: g.T),
        (
            "h1 x: its shape is (4, 3); it should be (3, 4): transposed; "
            "chained backward, free backward: backward raised ValueError: "
            "shapes (3,4) and (3,2) not aligned: 4 (dim 1) != 3 (dim 0)"
        ),
    ),
    Fault(
        CHAIN,
        returned(Net, lambda g, d: {n: 2 * a for n, a in g.items()}),
        "chained x, chained w0, chained w2, free x, free w0, free w2",
    ),
    Fault(
        CHAIN,
        returned(Net, without("w0")),
        "chained w0, free w0: backward returned no gradient for it",
    ),
    Fault(
        CHAIN,
        returned(Net, fails),
        "chained backward, free backward: backward raised ValueError: not today",
    ),
    Fault(
        NESTED,
        gradient(ReLU, "x", lambda g: 3 * g),
        "h1.h1.h0 x, h1.h1 x, h1.h0 x, h1 x, h0 x, chained x, free x",
    ),
    Fault(NESTED, gradient(Net, "x", lambda g: 3 * g), "h1.h1 x, h1 x, chained x, free x"),
    Fault(
        NESTED,
        returned(ReLU, fails),
        (
            "h1.h1.h0 backward, h1.h1 backward, h1.h0 backward, h1 backward, h0 backward: "
            "backward raised ValueError: not today"
        ),
    ),
    Fault(DEEP, gradient(Linear, "weight", lambda g: 0 * g), "a.p weight, a w, chained w, free w"),
    Fault(DEEP, gradient(Add, "other", np.negative), "c other, chained b, free b"),
    Fault(PARTS, gradient(Split, "x", lambda g: g[:, ::-1]), "a x, chained x, free x"),
    Fault(
        PARTS,
        returned(NLLLoss, lambda g, d: g | {"target": g["x"]}),
        "chained i, free i: backward returned a gradient for it, though it has none",
    ),
    Fault(TWO, gradient(Split, "x", np.negative), "b x, chained x, free x"),
    Fault(HUGE, gradient(Linear, "weight", np.negative), "h0 weight"),
]


@pytest.mark.parametrize(("case", "plant", "said"), FAULTS)
def test_a_fault_is_found_at_its_place(
    monkeypatch: pytest.MonkeyPatch, case: Any, plant: Plant, said: str
) -> None:
    plant(monkeypatch)
    assert faults(judged(case)) == said


def test_the_culprit_is_the_first_fault_of_the_innermost_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: 3 * g["x"])
    culprit = judged(NESTED).culprit
    assert culprit is not None and (culprit.layer, culprit.kind) == ("h1.h1.h0", "ReLU")


@pytest.mark.parametrize(("times", "verdict"), [(1, "choice"), (2, "disagree")])
def test_the_other_side_of_a_kink_is_told_from_neither_side(
    monkeypatch: pytest.MonkeyPatch, times: int, verdict: str
) -> None:
    """The whole network loses the choice of the layer from sight: there it is a disagreement."""
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: times * d)
    findings = [f for f in judged(KINK).findings if f.verdict != "vacuous"]
    found = {place(f): "choice" if f.choice else f.verdict for f in findings}
    assert found == {"h1 x": verdict, "chained x": "disagree", "free x": "disagree"}


@pytest.mark.parametrize(
    ("case", "agreeing"),
    [
        (
            CHAIN,
            (
                "h2 y, h2 x, h2 weight, h1 y, h1 x, h0 y, h0 x, h0 weight, "
                "chained x, chained w0, chained w2, free y, free x, free w0, free w2"
            ),
        ),
        (NESTED, "h1 y, h1 x, h0 y, h0 x, chained x, free y, free x"),
        (
            DEEP,
            (
                "d y, d x, d other, c y, c x, c other, a y, a x, a w, "
                "chained x, chained w, chained b, free y, free x, free w, free b"
            ),
        ),
        (PARTS, "y y, y x, d y, d x, c y, c x1, a y, a y1, a x, chained x, free y, free x"),
        (TWO, "b y, b y1, b x, a y, a x, chained x, free y, free y1, free x"),
    ],
)
def test_each_array_is_compared_alone_in_the_chain_and_in_a_free_run(
    case: Case, agreeing: str
) -> None:
    judgement = judged(case)
    assert judgement.verdict == "agree" and judgement.culprit is None
    assert places(judgement, "agree") == agreeing
    assert judgement.floors == 0, "these numbers are whole: no noise has to be measured"


@pytest.mark.parametrize(
    ("case", "causes"),
    [
        (KINK, {"all zero"}),
        (HUGE, {"an input or cotangent is not finite", "no number is finite"}),
        (POLE, {"an input or cotangent is not finite"}),
    ],
)
def test_what_could_not_have_failed_is_vacuous(case: Case, causes: set[str]) -> None:
    findings = judged(case).findings
    assert {f.cause for f in findings if f.verdict == "vacuous"} == causes
    assert {f.verdict for f in findings} <= {"agree", "vacuous"}


def test_noise_is_taken_on_torchs_own_side_of_a_kink() -> None:
    """Disturbed, BatchNorm's tiny result may be negative: behind a ReLU there is then no noise."""
    rows = np.array([[5.0352323831937404, 2.5, 16.740006764524384]] * 2)
    names = ("x", "weight", "bias", "scale", "v")
    steps = (
        Step("a", Linear(), ("x", "weight", "bias")),
        Step("b", BatchNorm1d(eps=0.5, momentum=1.0, training=True), ("a", None, None, "scale")),
        Step("c", ReLU(), ("b",)),
        Step("d", Tanhshrink(), ("c",)),
        Step("y", Linear(), ("d", "v")),
    )
    case = on(
        Net(names, steps),
        np.array([[2.3643506185666645], [2.0510918734809196]]),
        x=rows,
        weight=np.array([[1.0, -3.0, 2.0], [-5.5, -6.0, -5.5]]),
        bias=np.array([6.5, -4.5]),
        scale=np.array([2.0, -3.0]),
        v=np.array([[-4.5, -1.5]]),
    )
    assert not judged(case).flagged
