"""Single wrong (or right) layers on which checkers go astray, each measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.rivals.inputs import drawn
from benchmarks.rivals.output_mutants import Call, Grads, Mutation, planted
from benchmarks.rivals.tools import Tool, gradcheck
from gradproof.cases.case import Case
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from gradproof.subject.layer import named_arguments
from gradproof.subject.subject import Subject
from manual.layer import Saved
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.layers.softmax import Softmax

Facts = dict[str, dict[str, Any]]
RUNS = 5
RELU_CASES = 300


@dataclass(frozen=True)
class Overwriting(Tanh):
    """tanh with a backward that writes its result into the cotangent that it was given."""

    def backward(self, saved: Saved, dy: Any) -> Grads:
        (y,) = saved
        dy *= 1 - y * y
        return {"x": dy}


def facts(subject: Subject, tools: dict[str, Tool]) -> Facts:
    """What each was asked, and how often it passed or rejected.

    tools    those that are installed, by name
    """
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "one entry of dW ten times too large": lambda: _one_entry(subject, tools),
        "backward overwrites its cotangent": lambda: _overwritten(subject),
        "correct ReLU": lambda: _relu(subject, tools),
        "softmax backward returns zeros": lambda: _zeros(subject, tools),
    }
    if any(tool.needs == "jax" for tool in tools.values()):
        made["derivative of zero, float32, forward mode"] = _flat
    return {name: fact() for name, fact in made.items()}


def _case(subject: Subject, layer: Any, seed: int, **shapes: tuple[int, ...]) -> Case:
    """N(0, 1) arguments and cotangents."""
    r = np.random.default_rng(seed)
    arrays = {name: r.standard_normal(shape) for name, shape in shapes.items()}
    kinds = named_arguments(layer, list(arrays))
    given = {name: arrays.get(name) for name in kinds}
    case = Case(layer, given, kinds, "float64", hazards=("normal",) * 3, seed=seed)
    return judge(subject, case, Clock()).case


def _one_entry(subject: Subject, tools: dict[str, Tool]) -> dict[str, Any]:
    """x Wᵀ, W 64 × 64, batch 16."""

    def tenfold(call: Call) -> Grads:
        weight = np.array(call.grads["weight"])
        weight[17, 42] *= 10
        return call.grads | {"weight": weight}

    cases = [_case(subject, Linear(), seed, x=(16, 64), weight=(64, 64)) for seed in range(RUNS)]
    with planted(Linear, Mutation("tenfold", ("weight",), tenfold)):
        passed = {
            name: sum(tools[name].verdict(case) == "passes" for case in cases)
            for name in ("torch gradcheck, fast", "gradproof")
        }
    return {"runs": RUNS, "passed": passed}


def _overwritten(subject: Subject) -> dict[str, Any]:
    right = _case(subject, Tanh(), 0, x=(4, 6))
    case = Case(Overwriting(), right.arrays, right.kinds, right.dtype, dy=right.dy)
    told = judge(subject, case, Clock()).culprit
    return {
        "passed by slow gradcheck": not gradcheck(case, fast=False),
        "gradproof says": "" if told is None else told.cause,
    }


def _relu(subject: Subject, tools: dict[str, Tool]) -> dict[str, Any]:
    names = ("torch gradcheck, slow", "torch gradcheck, fast", "gradproof")
    cases = drawn(subject, ReLU, RELU_CASES, seed=0)
    rejected = {name: sum(tools[name].verdict(c) == "rejects" for c in cases) for name in names}
    return {"cases": len(cases), "rejected": rejected}


def _zeros(subject: Subject, tools: dict[str, Tool]) -> dict[str, Any]:
    case = _case(subject, Softmax(-1), 0, x=(4, 6))
    nothing = Mutation("nothing", (), lambda call: {n: 0 * g for n, g in call.grads.items()})
    with planted(Softmax, nothing):
        return {"verdicts": {name: tool.verdict(case) for name, tool in tools.items()}}


def _flat() -> dict[str, Any]:
    """sin, with zero for a derivative, on more and more numbers."""
    import jax
    from jax.test_util import check_grads

    @jax.custom_jvp
    def sine(x: Any) -> Any:
        return jax.numpy.sin(x)

    sine.defjvp(lambda primals, tangents: (sine(*primals), 0 * tangents[0]))

    def passes(outputs: int) -> bool:
        x = np.random.default_rng(0).standard_normal(outputs).astype(np.float32)
        try:
            check_grads(sine, (x,), order=1, modes=["fwd"])
        except AssertionError:
            return False
        return True

    return {"passed at outputs": {str(n): passes(n) for n in (5, 50, 500)}}
