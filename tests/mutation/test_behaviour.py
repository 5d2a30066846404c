"""What a layer or an optimiser does on a case, and what counts as another behaviour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="cases are completed by torch's outputs")

from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.mutation.behaviour import Behaviour, behaviour, fresh
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.layers.shape import Split
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from tests.planted import break_backward, chain, fails, on, whole

X, DY, WEIGHT = whole(3, 2), whole(3, 2), whole(2, 2)
LINEAR = on(Linear(), DY, x=X, weight=WEIGHT, bias=whole(2))
RELU = on(ReLU(), whole(2, 2), x=np.array([[3.0, 2.0], [1.0, 1.0]]))
STEPS = OptimizerCase(SGD(lr=0.5, momentum=0.5), ((2,),), (1.0, 1.0), False, "float32", 4)


def test_outputs_and_the_gradients_of_two_calls() -> None:
    found = behaviour(LINEAR)
    right = {
        "y": X @ WEIGHT.T + whole(2),
        "d weight": DY.T @ X,
        "d x": DY @ WEIGHT,
        "d bias": DY.sum(axis=0),
    }
    right |= {f"again {name}": a for name, a in right.items() if name != "y"}
    assert {name: a.tolist() for name, a in found.arrays.items()} == {
        name: a.tolist() for name, a in right.items()
    }
    assert found.said == "shared: "


def test_only_what_exists_has_a_name() -> None:
    parts = behaviour(on(Split(1, dim=1), whole(3, 1), None, x=X))
    assert [*parts.arrays] == ["y", "y1", "d x", "again d x"]
    network = on(chain(Linear(), ReLU()), DY, x=X, w0=WEIGHT)
    assert [*behaviour(network).arrays] == ["y", "d x", "d w0", "again d x", "again d w0"]


def test_gradients_that_share_memory_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    break_backward(
        monkeypatch,
        Linear,
        lambda g, dy: {"x": g["x"], "weight": g["x"].T, "bias": dy[0].copy()},
    )
    assert behaviour(LINEAR).said == "shared: x weight, weight x"


def test_nobody_can_write_into_a_dy_that_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    break_backward(monkeypatch, ReLU, lambda g, dy: {"x": dy})
    found = behaviour(RELU)
    assert found.said == "shared: " and found.arrays["d x"].tolist() == RELU.dy[0].tolist()


def test_what_is_raised_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReLU, "backward", fails)
    monkeypatch.setattr(SGD, "update", fails)
    assert behaviour(RELU) == Behaviour({}, "backward raised ValueError: not today")
    assert behaviour(STEPS) == Behaviour({}, "step 0 raised ValueError: not today")


def test_the_parameters_and_the_state_of_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    found = behaviour(STEPS)
    assert [*found.arrays] == [
        f"{step} p0{entry}" for step in (0, 1) for entry in ("", ".momentum_buffer")
    ]
    first = STEPS.grads(0)["p0"]
    assert np.array_equal(found.arrays["0 p0.momentum_buffer"], first)
    assert np.array_equal(found.arrays["0 p0"], STEPS.arrays["p0"] - first / 2)
    assert found.said == "[]"
    monkeypatch.setattr(SGD, "update", lambda s, p, g, m: (p, {"momentum_buffer": p}))
    assert behaviour(STEPS).said == "[('p0.momentum_buffer', 'p0')]"


def test_optimisers_with_other_options_behave_otherwise() -> None:
    case = replace(STEPS, optimizer=Adam(lr=0.5))
    assert behaviour(case).differs(behaviour(replace(case, optimizer=Adam(lr=0.25))))
    assert behaviour(case).same(behaviour(case))


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
