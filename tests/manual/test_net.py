"""What a network hands back can be written to only where nobody else holds the same memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from manual.layer import Array, Grads, Layer, Real, Saved
from manual.layers.activation_sigmoid import Sigmoid
from manual.layers.arithmetic import Add, Multiply
from manual.layers.shape import Transpose
from manual.net import Net, Step


@dataclass(frozen=True)
class Swap(Layer):
    """Two outputs: the arguments, exchanged."""

    def forward(self, x: Real, other: Real) -> tuple[tuple[Array, Array], Saved]:
        return (other.copy(), x.copy()), ()

    def backward(self, saved: Saved, dy: Any) -> Grads:
        return {name: d for name, d in zip(("other", "x"), dy, strict=True) if d is not None}


@dataclass(frozen=True)
class Halves(Layer):
    """Two outputs, x / 2 each."""

    def forward(self, x: Real) -> tuple[tuple[Array, Array], Saved]:
        return (x / 2, x / 2), ()

    def backward(self, saved: Saved, dy: Any) -> Grads:
        return {"x": sum(d / 2 for d in dy if d is not None)}


@dataclass(frozen=True)
class AddTransposed(Layer):
    """y = x + otherᵀ"""

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        return x + other.T, ()

    def backward(self, saved: Saved, dy: Array) -> Grads:
        return {"x": dy, "other": dy.T}


ADD = Step("h", Add(), ("x", "other"))
STEPS = {
    "dy, twice": (ADD,),
    "another layer's gradient, twice": (ADD, Step("y", Sigmoid(), ("h",))),
    "a view of it": (
        Step("h", AddTransposed(), ("x", "other")),
        Step("y", Sigmoid(), ("h",)),
    ),
    "a view on another path": (
        Step("i", Transpose(0, 1), ("x",)),
        Step("h", Add(), ("i", "other")),
        Step("y", Sigmoid(), ("h",)),
    ),
    "a view of dy": (Step("i", Transpose(0, 1), ("x",)),),
    "of several outputs": (
        Step(("p", "q"), Swap(), ("x", "other")),
        Step("h", Add(), ("p", "q")),
        Step("y", Sigmoid(), ("h",)),
    ),
    "to several outputs": (Step(("p", "q"), Swap(), ("x", "other")),),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_shared_memory_is_read_only(steps: tuple[Step, ...]) -> None:
    read = {name for step in steps for name in step.args}
    inputs = tuple(name for name in ("x", "other") if name in read)
    net = Net(inputs, steps)
    y, saved = net.forward(*(np.ones((2, 2)) for _ in inputs))
    dy = np.ones((2, 2))
    grads = list(net.backward(saved, (dy, dy) if isinstance(y, tuple) else dy).values())
    for i, grad in enumerate(grads):
        others = [dy, *grads[:i], *grads[i + 1 :]]
        assert any(np.shares_memory(grad, held) for held in others)
        assert not grad.flags.writeable


def test_memory_of_its_own_can_be_written_to() -> None:
    net = Net(("x",), (Step("y", Sigmoid(), ("x",)),))
    _, saved = net.forward(np.ones(2))
    assert net.backward(saved, np.ones(2))["x"].flags.writeable


def test_what_comes_back_is_arrays_also_of_shape_nothing() -> None:
    steps = (
        Step("a", Sigmoid(), ("x",)),
        Step("b", Multiply(), ("a", "x")),
        Step(("p", "q"), Halves(), ("b",)),
    )
    net = Net(("x",), steps)
    y, saved = net.forward(np.array(0.5))
    grads = net.backward(saved, (np.array(1.0), None))
    for made in (*y, grads["x"]):
        assert type(made) is np.ndarray
        assert made.shape == ()
