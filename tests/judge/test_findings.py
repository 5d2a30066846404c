"""All that is found on a case, word by word; the numbers are whole, so that no rounding decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.judge.clock import Clock
from gradproof.judge.compare import pair_up
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import Finding
from gradproof.judge.vote import votes
from gradproof.mutation.hunt import judgement_of
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Add, Divide, Multiply
from manual.layers.linear import Linear
from manual.layers.shape import Concatenate, Permute, Split
from manual.losses.cross_entropy import NLLLoss
from manual.net import Net, Step
from manual.optimizers.sgd import SGD
from tests.golden import unchanged
from tests.planted import SUBJECT, break_gradient, case_of

Break = Callable[[pytest.MonkeyPatch], None]


def whole(*shape: int, seed: int = 0) -> Any:
    """Whole numbers from 1 to 4 with signs, no two axes alike."""
    r = np.random.default_rng([seed, *shape])
    return r.integers(1, 5, shape) * r.choice([-1.0, 1.0], shape)


def on(layer: Any, *dy: Any, dtype: str = "float64", **arrays: Any) -> Case:
    """A case with these cotangents."""
    case = case_of(layer, dtype, **arrays)
    given = tuple(None if d is None else np.asarray(d, dtype=dtype) for d in dy)
    return replace(case, dy=given)


def chain(*layers: Any) -> Net:
    """Layers of one argument, one after the other; a Linear has its own weight."""
    steps, inputs, last = [], ["x"], "x"
    for i, layer in enumerate(layers):
        own = [f"w{i}"] if isinstance(layer, Linear) else []
        steps.append(Step(f"h{i}", layer, (last, *own)))
        inputs += own
        last = f"h{i}"
    return Net(tuple(inputs), tuple(steps))


X, W, V = whole(3, 2), whole(4, 2), whole(2, 4, seed=1)
DY = whole(3, 2, seed=2)
LINEAR = on(Linear(), whole(3, 4), x=X, weight=W, bias=whole(4))
RELU = on(ReLU(), DY, x=X)
SPLIT = on(Split(1, dim=1), None, whole(3, 1), x=X)
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
SINGLE = on(Tanh(), np.array([1.0, 2.0], "float32"), dtype="float32", x=np.zeros(2))


def tied(hazard: str) -> Case:
    """Some inputs of a ReLU at its kink, drawn with that hazard."""
    return replace(on(ReLU(), DY, x=X * (X > 1)), hazards=(hazard, "normal", "few"))


def nothing(patch: pytest.MonkeyPatch) -> None:
    """Everything is right."""


def gradient(kind: type, name: str, change: Any) -> Break:
    """change(gradients, saved, dy) stands for the gradient."""
    return lambda patch: break_gradient(patch, kind, name, change)


def returned(kind: type, change: Any) -> Break:
    """change(gradients, dy) stands for what backward returns."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = kind.backward  # type: ignore[attr-defined]
        patch.setattr(kind, "backward", lambda self, s, dy: change(right(self, s, dy), dy))

    return plant


def output(kind: type, change: Any) -> Break:
    """change(output) stands for what forward returns."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = kind.forward  # type: ignore[attr-defined]

        def forward(self: Any, *args: Any) -> Any:
            y, saved = right(self, *args)
            return change(y), saved

        patch.setattr(kind, "forward", forward)

    return plant


def without(name: str) -> Callable[[Any, Any], Any]:
    return lambda grads, dy: {n: g for n, g in grads.items() if n != name}


def fails(*_: Any) -> Any:
    raise ValueError("not today")


def writes(grads: Any, dy: Any) -> Any:
    dy *= 2
    return grads


def counted() -> Callable[[Any, Any], Any]:
    """Each call gives more than the one before."""
    calls = iter(range(1, 99))
    return lambda grads, dy: {n: g * next(calls) for n, g in grads.items()}


PLANTED: dict[str, tuple[Case, Break]] = {
    "right: one layer": (LINEAR, nothing),
    "right: parts of which one has no cotangent": (SPLIT, nothing),
    "right: a chain": (CHAIN, nothing),
    "right: nested twice": (NESTED, nothing),
    "right: a value used twice, and a nested layer": (DEEP, nothing),
    "right: parts, an index and a loss": (PARTS, nothing),
    "right: two outputs, one without a cotangent": (TWO, nothing),
    "right: all zero": (SINGLE, nothing),
    "right: beyond the largest number": (HUGE, nothing),
    "right: at a kink": (KINK, nothing),
    "right: at a kink, by chance": (tied("normal"), nothing),
    "right: at a kink of a grid": (tied("grid"), nothing),
    "right: at a kink of few values": (tied("few"), nothing),
    "right: at a kink of a rectified input": (tied("rectified"), nothing),
    "right: at a kink of constant rows": (tied("constant-rows"), nothing),
    "right: of a grid, but smooth": (replace(SPLIT, hazards=("grid",) * 3), nothing),
    "right: a quotient by zero": (POLE, nothing),
    "a sign": (LINEAR, gradient(Linear, "weight", lambda g, s, d: -g["weight"])),
    "one of many": (LINEAR, gradient(Linear, "x", lambda g, s, d: g["x"] + np.eye(3, 2))),
    "another shape": (LINEAR, gradient(Linear, "bias", lambda g, s, d: g["bias"][None])),
    "transposed": (LINEAR, gradient(Linear, "weight", lambda g, s, d: g["weight"].T)),
    "another dtype": (RELU, returned(ReLU, lambda g, d: {"x": g["x"].astype("float32")})),
    "a mask": (RELU, returned(ReLU, lambda g, d: {"x": g["x"] > 0})),
    "missing": (LINEAR, returned(Linear, without("bias"))),
    "too many": (RELU, returned(ReLU, lambda g, d: g | {"slope": g["x"]})),
    "not a number": (RELU, gradient(ReLU, "x", lambda g, s, d: g["x"] * np.nan)),
    "no dictionary": (RELU, returned(ReLU, lambda g, d: g["x"])),
    "no array": (RELU, returned(ReLU, lambda g, d: {"x": 1.0})),
    "an exception": (RELU, returned(ReLU, fails)),
    "an exception in the forward": (RELU, output(ReLU, fails)),
    "an output that is no array": (RELU, output(ReLU, lambda y: y.tolist())),
    "two outputs for one": (RELU, output(ReLU, lambda y: (y, y))),
    "an output of another shape": (RELU, output(ReLU, lambda y: y.T)),
    "another output": (RELU, output(ReLU, lambda y: y + 1)),
    "another second output": (SPLIT, output(Split, lambda y: (y[0], 2 * y[1]))),
    "parts of the other sign": (SPLIT, gradient(Split, "x", lambda g, s, d: -g["x"])),
    "dy is written to": (RELU, returned(ReLU, writes)),
    "dy is returned": (RELU, returned(ReLU, lambda g, d: {"x": d.view()})),
    "each call gives another": (LINEAR, returned(Linear, counted())),
    "not linear": (RELU, returned(ReLU, lambda g, d: {"x": np.abs(g["x"])})),
    "something for nothing": (RELU, returned(ReLU, lambda g, d: {"x": g["x"] + (g["x"] == 0)})),
    "in a chain: a sign": (CHAIN, gradient(Linear, "weight", lambda g, s, d: -g["weight"])),
    "in a chain: an exception": (CHAIN, returned(ReLU, fails)),
    "in a chain: an exception in the forward": (CHAIN, output(ReLU, fails)),
    "in a chain: another output": (CHAIN, output(ReLU, lambda y: y + 1)),
    "in a chain: a shape": (CHAIN, gradient(ReLU, "x", lambda g, s, d: g["x"].T)),
    "in a chain: all doubled": (
        CHAIN,
        returned(Net, lambda g, d: {n: 2 * a for n, a in g.items()}),
    ),
    "in a chain: one is missing": (CHAIN, returned(Net, without("w0"))),
    "in a chain: the network's exception": (CHAIN, returned(Net, fails)),
    "in a chain: its own dtype": (
        CHAIN,
        returned(Net, lambda g, d: {n: a.astype("float32") for n, a in g.items()}),
    ),
    "in a chain: each call gives another": (CHAIN, returned(Net, counted())),
    "nested: a layer": (NESTED, gradient(ReLU, "x", lambda g, s, d: 3 * g["x"])),
    "nested: a network": (NESTED, gradient(Net, "x", lambda g, s, d: 3 * g["x"])),
    "nested: an exception": (NESTED, returned(ReLU, fails)),
    "nested: a Linear": (DEEP, gradient(Linear, "weight", lambda g, s, d: 0 * g["weight"])),
    "nested: beside it": (DEEP, gradient(Add, "other", lambda g, s, d: -g["other"])),
    "parts: in another order": (PARTS, gradient(Split, "x", lambda g, s, d: g["x"][:, ::-1])),
    "parts: a sum": (PARTS, gradient(Concatenate, "x0", lambda g, s, d: 2 * g["x0"])),
    "parts: a gradient for the index": (
        PARTS,
        returned(NLLLoss, lambda g, d: g | {"target": g["x"]}),
    ),
    "two outputs: a sign": (TWO, gradient(Split, "x", lambda g, s, d: -g["x"])),
    "beyond the largest number: a sign": (
        HUGE,
        gradient(Linear, "weight", lambda g, s, d: -g["weight"]),
    ),
    "at a kink: the other side": (KINK, gradient(ReLU, "x", lambda g, s, d: d)),
    "at a kink: neither side": (KINK, gradient(ReLU, "x", lambda g, s, d: 2 * d)),
}


STEPS = OptimizerCase(
    SGD(lr=0.5), ((2, 2), (3,)), (1.0, 0.5), sparse=False, dtype="float64", seed=1
)


def updated(change: Any) -> Break:
    """change(the new parameter, the state, the old parameter, its gradient) is returned."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = SGD.update
        patch.setattr(SGD, "update", lambda s, p, g, m: change(*right(s, p, g, m), p, g))

    return plant


UPDATES: dict[str, tuple[OptimizerCase, Break]] = {
    "steps, right: two steps": (STEPS, nothing),
    "steps, right: in float32": (replace(STEPS, dtype="float32"), nothing),
    "steps, the other way": (STEPS, updated(lambda new, kept, p, g: (2 * p - new, kept))),
    "steps, a state too many": (STEPS, updated(lambda new, kept, p, g: (new, {"extra": 0 * g}))),
    "steps, another dtype": (STEPS, updated(lambda new, kept, p, g: (new.astype("f4"), kept))),
    "steps, the parameter itself": (STEPS, updated(lambda new, kept, p, g: (p, kept))),
    "steps, an exception": (STEPS, updated(fails)),
    "steps, in float32: another dtype": (
        replace(STEPS, dtype="float32"),
        updated(lambda new, kept, p, g: (new.astype("f8"), kept)),
    ),
    "steps, a state is lost": (
        replace(STEPS, optimizer=SGD(lr=0.5, momentum=0.5)),
        updated(lambda new, kept, p, g: (new, {})),
    ),
    "steps, a state is wrong": (
        replace(STEPS, optimizer=SGD(lr=0.5, momentum=0.5)),
        updated(lambda new, kept, p, g: (new, {n: -b for n, b in kept.items()})),
    ),
}


EVERYTHING: dict[str, tuple[Any, Break]] = {**PLANTED, **UPDATES}


def place(finding: Finding) -> str:
    return "whole" if finding.layer == "" else finding.layer


def lines(case: Case | OptimizerCase) -> Iterator[str]:
    """The judgement, in words."""
    judgement = judgement_of(SUBJECT, case)
    culprit = judgement.culprit
    kink = ", at a kink" if judgement.kink else ""
    yield f"  {judgement.verdict}{kink}, {judgement.floors} samples of noise"
    for f in judgement.findings:
        first = "→" if f is culprit else " "
        where = f"{place(f)}: {f.kind} {f.depth} {f.quantity} {f.shape} {f.case.dtype}"
        over = f", {f.figures.n_over} over" if f.comparison and f.figures.n_over else ""
        yield f"  {first} {where}: {f.verdict}{over}{' – ' if f.cause else ''}{f.cause}"


def test_all_that_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ""
    for name, (case, plant) in EVERYTHING.items():
        with monkeypatch.context() as patch:
            plant(patch)
            text += "\n".join([name, *lines(case)]) + "\n"
    unchanged("findings", text)


def test_who_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flint", reason="it is a witness")
    text = ""
    for name, (case, plant) in EVERYTHING.items():
        with monkeypatch.context() as patch:
            plant(patch)
            for f in (f for f in judgement_of(SUBJECT, case).findings if f.failed):
                vote = votes(SUBJECT, f)
                where = f"{place(f)} {f.depth} {f.quantity}"
                text += f"{name}, {where}: {vote.agreement} → {vote.verdict}\n"
    unchanged("votes", text)


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


@pytest.mark.parametrize("case", [LINEAR, CHAIN, NESTED])
def test_each_side_is_timed(case: Case) -> None:
    clock = Clock()
    judge(SUBJECT, case, clock)
    assert clock.seconds.keys() == {"draw", "manual", "reference", "judge"}
    assert all(seconds > 0 for seconds in clock.seconds.values())
