"""What a wrong backward made from a right one returns, and what counts as another behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="cases are completed by torch's outputs")

from benchmarks.rivals.output_mutants import Kept, Mutation, gradients, mutations, planted
from gradproof.campaign.search import task_of
from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.judge.dispatch import judge
from gradproof.mutation.behaviour import Behaviour, behaviour, fresh
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Multiply
from manual.layers.linear import Linear
from manual.layers.reduce import Max
from manual.layers.shape import Split
from manual.losses.binary_cross_entropy import BCELoss
from manual.net import Net
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from tests.diagnosis.test_hypotheses import listed, numbers
from tests.golden import unchanged
from tests.judge.test_findings import CHAIN, on, whole
from tests.planted import SUBJECT, judged

LINEAR = on(Linear(), whole(3, 2), x=whole(3, 2), weight=whole(2, 2), bias=whole(2))
TIED = on(Max(dim=1), np.array([2.0, 3.0]), x=np.array([[1.0, 1.0, 0.0], [4.0, 5.0, 5.0]]))
KINKED = on(ReLU(), whole(2, 2), x=np.array([[0.0, 2.0], [0.0, -1.0]]))
SHARED = on(ReLU(), whole(2, 2), x=np.array([[3.0, 2.0], [1.0, 1.0]]))
PARTS = on(Split(1, dim=1), whole(3, 1), None, x=whole(3, 2))
PRODUCT = on(Multiply(), whole(2, 3), x=whole(2, 3), other=whole(3))
EDGE = on(BCELoss(reduction="none"), np.array([1.0, 2.0]), x=np.array([0.0, 1.0]),
          target=np.array([0.5, 0.5]))  # fmt: skip
CASES = {"Linear": LINEAR, "Max": TIED, "ReLU": KINKED, "Split": PARTS, "Multiply": PRODUCT}


def test_what_each_mutant_returns() -> None:
    text = ""
    for name, case in CASES.items():
        kind, right = type(case.layer), gradients(case)
        lines = [f"right, {n}: {numbers(g)}" for n, g in right.items()]
        for mutation in mutations([case]):
            with planted(kind, mutation):
                wrong = gradients(case)
            changed = {n: g for n, g in wrong.items() if not np.array_equal(g, right[n])}
            lines += [f"{mutation}, {n}: {numbers(g)}" for n, g in changed.items()]
            if not changed:
                lines.append(f"{mutation}: nothing")
        text += listed(name, lines)
    unchanged("mutants", text)


def test_a_mutant_at_the_edge_of_a_domain_is_the_right_one() -> None:
    for mutation in mutations([EDGE]):
        if mutation.name.startswith("kink"):
            with planted(BCELoss, mutation):
                wrong = gradients(EDGE)
            assert Behaviour(gradients(EDGE)).same(Behaviour(wrong)), mutation


def test_what_a_planted_layer_saves() -> None:
    seen: list[Any] = []

    def change(call: Any) -> Any:
        seen.append(call)
        return call.grads

    with planted(Linear, Mutation("look", (), change)):
        _, kept = LINEAR.layer.forward(*LINEAR.arrays.values())
        assert isinstance(kept, Kept) and len(kept.arguments) == 3
        LINEAR.layer.backward(kept, LINEAR.dy[0])
        LINEAR.layer.partial_backward(kept.saved, LINEAR.dy[0], set())
    with_arguments, without = seen
    assert with_arguments.arguments == kept.arguments and without.arguments == ()
    assert with_arguments.saved is without.saved is kept.saved
    assert with_arguments.layer is LINEAR.layer and with_arguments.dy is LINEAR.dy[0]
    assert with_arguments.grads.keys() == without.grads.keys(), "a part is wrong as the whole is"


@pytest.mark.parametrize(
    ("kind", "source"), [(Net, "network"), (Linear, "layer"), (SGD, "optimizer")]
)
def test_the_task_that_draws_cases(kind: type, source: str) -> None:
    task = task_of(SUBJECT, kind, 7, 3)
    assert (task.source, task.target, task.count, task.seed) == (source, kind.__name__, 7, 3)


def test_a_declared_choice_is_no_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReLU, "backward", lambda self, saved, dy: {"x": dy * (saved[0] >= 0)})
    judgement = judged(on(ReLU(), whole(3), x=np.array([0.0, 2.0, 0.0])))
    assert judgement.flagged
    assert not judge(replace(SUBJECT, conventions={"ReLU": "as it is"}), judgement.case).flagged


A = np.array([1.0, 2.0])
OTHERS: dict[str, tuple[Any, Any, bool]] = {
    "another dtype": (A, A.astype("f4"), True),
    "another shape": (A, A[None], True),
    "rounding": (A, A * (1 + 1e-10), False),
    "NaN for a number": (A, np.array([1.0, np.nan]), True),
    "infinity for a number": (A, np.array([np.inf, 2.0]), True),
    "the other infinity": (np.array([np.inf, 1.0]), np.array([-np.inf, 1.0]), True),
    "the same infinity": (np.array([np.inf, 1.0]), np.array([np.inf, 1.0 + 1e-12]), False),
    "NaN for infinity": (np.array([np.inf, 1.0]), np.array([np.nan, 1.0]), True),
    "a small number": (A * [1e-300, 1], A * [2e-300, 1], True),
    "integers": (np.array([1, 2]), np.array([1, 3]), True),
    "the same integers": (np.array([1, 2]), np.array([1, 2]), False),
    "complex": (A + 1j, A + 1.1j, True),
}


@pytest.mark.parametrize("pair", OTHERS)
def test_behaviours_that_differ(pair: str) -> None:
    one, other, gross = OTHERS[pair]
    assert Behaviour({"a": one}).differs(Behaviour({"a": other})) is gross
    assert Behaviour({"a": other}).differs(Behaviour({"a": one})) is gross
    assert Behaviour({"a": one}, "a word").differs(Behaviour({"a": one}))
    assert Behaviour({"a": one}).same(Behaviour({"a": one.copy()}))
    for names in ({"b": one}, {"a": one, "b": one}):
        assert Behaviour({"a": one}).differs(Behaviour(names))
        assert not Behaviour(names).same(Behaviour({"a": one}))


def described(found: Behaviour) -> Iterator[str]:
    yield f"said: {found.said}"
    yield from (f"{name}: {numbers(a)}" for name, a in found.arrays.items())


def shares(grads: Any, dy: Any) -> Any:
    return {"x": grads["x"], "weight": grads["x"].T, "bias": dy[0].copy()}


def returns_dy(grads: Any, dy: Any) -> Any:
    """It is read-only, so nobody can write into dy."""
    return {"x": dy}


def fails(*_: Any) -> Any:
    raise ValueError("no")


STEPS = OptimizerCase(SGD(lr=0.5, momentum=0.5), ((2,),), (1.0, 1.0), False, "float32", 4)
BEHAVIOURS: dict[str, tuple[Any, Callable[[pytest.MonkeyPatch], None]]] = {
    "a layer": (LINEAR, lambda patch: None),
    "two outputs": (PARTS, lambda patch: None),
    "a chain": (CHAIN, lambda patch: None),
    "shared": (LINEAR, lambda patch: patching(patch, Linear, shares)),
    "dy": (SHARED, lambda patch: patching(patch, ReLU, returns_dy)),
    "raises": (KINKED, lambda patch: patching(patch, ReLU, fails)),
    "steps": (STEPS, lambda patch: None),
    "a step raises": (STEPS, lambda patch: patch.setattr(SGD, "update", fails)),
    "a step shares": (
        STEPS,
        lambda patch: patch.setattr(SGD, "update", lambda s, p, g, m: (p, {"momentum_buffer": p})),
    ),
}


def patching(patch: pytest.MonkeyPatch, kind: Any, change: Any) -> None:
    right = kind.backward
    patch.setattr(kind, "backward", lambda self, saved, dy: change(right(self, saved, dy), dy))


def test_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ""
    for name, (case, plant) in BEHAVIOURS.items():
        with monkeypatch.context() as patch:
            plant(patch)
            text += listed(name, described(behaviour(case)))
    unchanged("behaviours", text)


@dataclass(frozen=True)
class Holder:
    layer: Any
    parts: tuple[Any, ...]


def test_what_is_made_anew() -> None:
    tanh = Tanh()
    made = fresh(Holder(tanh, (tanh, 3, (tanh,))))
    assert made == Holder(tanh, (tanh, 3, (tanh,)))
    assert made.layer is not tanh and made.parts[0] is not tanh and made.parts[2][0] is not tanh
    assert fresh(Tanh) is Tanh and fresh("text") == "text"
    array = np.ones(2)
    assert fresh(array) is array


@pytest.mark.parametrize("case", [LINEAR, CHAIN, STEPS])
def test_anything_that_was_drawn_is_judged(case: Case | OptimizerCase) -> None:
    judgement = judge(SUBJECT, case)
    assert judgement.verdict == "agree"
    assert isinstance(judgement.case, type(case))


def test_an_optimiser_of_state_is_told_apart_from_one_with_another() -> None:
    case = replace(STEPS, optimizer=Adam(lr=0.5))
    assert behaviour(case).differs(behaviour(replace(case, optimizer=Adam(lr=0.25))))
    assert behaviour(case).same(behaviour(case))
