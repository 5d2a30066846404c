"""From a wrong update of an optimiser to the name of the mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pytest

pytest.importorskip("torch", reason="updates are judged against torch")

from gradproof.cases.optimizer_case import OptimizerCase
from manual.optimizers.adam import Adam
from manual.optimizers.rmsprop import RMSprop
from manual.optimizers.sgd import SGD
from tests.planted import cause_of

Updated: TypeAlias = Callable[..., Any]
"""(right update, optimiser, param, grad, memory) → the wrong parameter."""


def steps(optimizer: Any) -> OptimizerCase:
    """Three steps of two parameters."""
    return OptimizerCase(optimizer, ((), (2,)), (1.0, 1.0, 1.0), False, "float64", 0)


def plant(patch: pytest.MonkeyPatch, kind: Any, wrong: Updated) -> None:
    """The state is right, and the parameter is what `wrong` makes of it."""
    right = kind.update

    def update(self: Any, param: Any, grad: Any, memory: Any) -> Any:
        made = wrong(right, self, param, grad, memory)
        return made, right(self, param, grad, memory)[1]

    patch.setattr(kind, "update", update)


def given(**change: Any) -> Updated:
    """With another gradient, or another entry of the state: each a function of both."""

    def wrong(right: Any, self: Any, param: Any, grad: Any, memory: Any) -> Any:
        arrays = {**memory, "grad": grad}
        arrays |= {name: make(arrays) for name, make in change.items()}
        return right(self, param, arrays.pop("grad"), arrays)[0]

    return wrong


def moved(by: Callable[[Any], Any]) -> Updated:
    """By another change: `by` has the change, the options, and the state before and after it."""

    def wrong(right: Any, self: Any, param: Any, grad: Any, memory: Any) -> Any:
        new, kept = right(self, param, grad, memory)
        after = {f"new_{name}": a for name, a in kept.items()}
        return param + by({"change": new - param, "options": self, **memory, **after})

    return wrong


ADAM = steps(Adam(lr=0.01, betas=(0.75, 0.5), amsgrad=True))
MISTAKES: dict[str, Updated] = {
    "the sign of the change": moved(lambda a: -a["change"]),
    "the sign of the change and a factor": moved(lambda a: -2 * a["change"]),
    "factor 0.01 of the change (lr)": moved(lambda a: a["change"] * a["options"].lr),
    "wrong order: exp_avg as it is before its update, not after it": moved(
        lambda a: a["change"] / a["new_exp_avg"] * a["exp_avg"]
    ),
    "as if step, in its state, were 1": given(step=lambda a: np.float32(0)),
    "as if step, in its state, were 1 less": given(
        step=lambda a: np.float32(max(a["step"] - 1, 0))
    ),
    "as if exp_avg, in its state, were 0": given(exp_avg=lambda a: 0 * a["exp_avg"]),
    "as if exp_avg, in its state, were −exp_avg": given(exp_avg=lambda a: -a["exp_avg"]),
    "as if amsgrad were False": given(max_exp_avg_sq=lambda a: 0 * a["max_exp_avg_sq"]),
    "as if maximize were True": given(grad=lambda a: -a["grad"]),
    "as if betas were (0.5, 0.75)": lambda right, self, *given: right(
        replace(self, betas=self.betas[::-1]), *given
    )[0],
}


@pytest.mark.parametrize("cause", MISTAKES)
def test_the_mistake_is_named(monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    plant(monkeypatch, Adam, MISTAKES[cause])
    assert cause_of(ADAM) == cause


def correction(wrong: Callable[[float, float], float]) -> Updated:
    """Another correction of Adam's first average than 1 − beta^step."""

    def by(a: Any) -> Any:
        beta, t = a["options"].betas[0], float(a["new_step"])
        return a["change"] * (1 - beta**t) / wrong(beta, t)

    return moved(by)


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        (
            lambda beta, t: 1 - beta,
            "factor 1.9 of the change ((1 − betas[0]^step) / (1 − betas[0]))",
        ),
        (lambda beta, t: 1.0, "factor 0.1 of the change ((1 − betas[0]^step))"),
        (
            lambda beta, t: (1 - beta**t) / 0.37,
            "factor 0.37 of the change (the same for all gradients)",
        ),
    ],
)
def test_a_factor_is_traced_to_options_and_the_count_of_steps(
    monkeypatch: pytest.MonkeyPatch, wrong: Any, cause: str
) -> None:
    plant(monkeypatch, Adam, correction(wrong))
    assert cause_of(steps(Adam(lr=0.01))) == cause


def test_an_optimiser_without_a_state_is_looked_at_in_its_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first step, from no momentum at all, goes nowhere."""

    def wrong(right: Any, self: SGD, param: Any, grad: Any, memory: Any) -> Any:
        return param - self.lr * memory.get("momentum_buffer", 0 * grad)

    plant(monkeypatch, SGD, wrong)
    assert cause_of(steps(SGD(lr=0.5, momentum=0.75))) == "a term proportional to grad is missing"


def test_a_state_that_is_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RMSprop.step

    def step(self: RMSprop, params: Any, grads: Any, state: Any) -> Any:
        empty = {n: s | {"momentum_buffer": np.zeros_like(params[n])} for n, s in state.items()}
        return right(self, params, grads, empty)

    monkeypatch.setattr(RMSprop, "step", step)
    assert cause_of(steps(RMSprop(lr=0.01, momentum=0.9))) == (
        "in its state, momentum_buffer: as if it were 0 before: = for +="
    )
