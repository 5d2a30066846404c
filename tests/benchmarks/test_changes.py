"""What a wrong backward made from a right one returns, and what counts as another behaviour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="cases are completed by torch's outputs")

from benchmarks.rivals.output_mutants import Kept, Mutation, gradients, mutations, planted
from gradproof.campaign.search import task_of
from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.judge.dispatch import judge
from gradproof.mutation.behaviour import Behaviour
from manual.layers.activation import ReLU
from manual.layers.arithmetic import Multiply
from manual.layers.linear import Linear
from manual.layers.reduce import Max
from manual.layers.shape import Split
from manual.losses.binary_cross_entropy import BCELoss
from manual.net import Net
from manual.optimizers.sgd import SGD
from tests.golden import unchanged
from tests.planted import SUBJECT, chain, judged, on, whole

LINEAR = on(Linear(), whole(3, 2), x=whole(3, 2), weight=whole(2, 2), bias=whole(2))
TIED = on(Max(dim=1), np.array([2.0, 3.0]), x=np.array([[1.0, 1.0, 0.0], [4.0, 5.0, 5.0]]))
KINKED = on(ReLU(), whole(2, 2), x=np.array([[0.0, 2.0], [0.0, -1.0]]))
SHARED = on(ReLU(), whole(2, 2), x=np.array([[3.0, 2.0], [1.0, 1.0]]))
PARTS = on(Split(1, dim=1), whole(3, 1), None, x=whole(3, 2))
PRODUCT = on(Multiply(), whole(2, 3), x=whole(2, 3), other=whole(3))
EDGE = on(BCELoss(reduction="none"), np.array([1.0, 2.0]), x=np.array([0.0, 1.0]),
          target=np.array([0.5, 0.5]))  # fmt: skip
CASES = {"Linear": LINEAR, "Max": TIED, "ReLU": KINKED, "Split": PARTS, "Multiply": PRODUCT}


def numbers(array: Any) -> str:
    a = np.asarray(array)
    said = " ".join(f"{n:.4g}" for n in (a + 0.0).ravel().tolist())
    return f"{a.dtype} {a.shape} {said}"


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
        text += "\n".join([name, *(f"  {line}" for line in lines)]) + "\n"
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


CHAIN = on(chain(Linear(), ReLU()), whole(3, 2), x=whole(3, 2), w0=whole(2, 2))
STEPS = OptimizerCase(SGD(lr=0.5, momentum=0.5), ((2,),), (1.0, 1.0), False, "float32", 4)


@pytest.mark.parametrize("case", [LINEAR, CHAIN, STEPS])
def test_anything_that_was_drawn_is_judged(case: Case | OptimizerCase) -> None:
    judgement = judge(SUBJECT, case)
    assert judgement.verdict == "agree"
    assert isinstance(judgement.case, type(case))
