"""A network's constants have no gradient; the others are the same bits with and without them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Add
from manual.layers.linear import Linear
from manual.losses.regression import SquaredError
from manual.net import Net, NetError, Step

NET = Net(
    ("x", "w", "b", "v", "target"),
    (
        Step("scaled", Tanh(), ("x",)),  # leads to the data alone
        Step("h", Linear(), ("scaled", "w", "b")),
        Step("a", Tanh(), ("h",)),
        Step("k", Linear(), ("a", "v", None)),
        Step("sum", Add(), ("k", "scaled")),
        Step("loss", SquaredError(), ("sum", "target")),
    ),
)
SHAPES = ((5, 3), (4, 3), (4,), (3, 4), (5, 3))
ARRAYS = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate(SHAPES)]


def gradients(net: Net) -> dict[str, np.ndarray]:
    y, saved = net.forward(*ARRAYS)
    return net.backward(saved, np.ones_like(y))


@pytest.mark.parametrize(
    "constants", [(), ("x",), ("target",), ("x", "target"), ("x", "w", "b", "target"), ("v",)]
)
def test_the_others_are_the_same_bits(constants: tuple[str, ...]) -> None:
    full = gradients(NET)
    found = gradients(dataclasses.replace(NET, constants=constants))
    assert set(found) == set(NET.inputs) - set(constants)
    for name, grad in found.items():
        np.testing.assert_array_equal(grad, full[name])


def test_all_of_them() -> None:
    assert gradients(dataclasses.replace(NET, constants=NET.inputs)) == {}


def test_their_kind_has_no_gradient() -> None:
    kinds = dataclasses.replace(NET, constants=("x", "target")).argument_kinds(5)
    assert kinds == {"x": "buffer", "w": "param", "b": "param", "v": "param", "target": "buffer"}


def test_what_leads_to_them_alone_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    right = Tanh.backward
    monkeypatch.setattr(Tanh, "backward", lambda *a: calls.append(a) or right(*a))
    gradients(dataclasses.replace(NET, constants=("x",)))
    assert len(calls) == 1

    matrices = []
    linear = Linear.backward
    monkeypatch.setattr(
        Linear, "backward", lambda *a, wanted=None: matrices.append(a) or linear(*a)
    )
    gradients(dataclasses.replace(NET, constants=("x",)))
    assert [len(a) for a in matrices] == [3, 4]  # the layer itself, saved, dy, and what is wanted


def test_linear_leaves_dx_out() -> None:
    x, weight, bias = ARRAYS[0], ARRAYS[1], ARRAYS[2]
    y, saved = Linear().forward(x, weight, bias)
    assert set(Linear().backward(saved, y)) == {"x", "weight", "bias"}
    assert set(Linear().backward(saved, y, {"weight"})) == {"weight", "bias"}


def test_an_unknown_one() -> None:
    with pytest.raises(NetError, match="'y' is a constant, but no input has that name"):
        dataclasses.replace(NET, constants=("y",))
