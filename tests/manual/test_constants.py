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


def test_a_layer_is_told_which_gradients_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    right = Linear.partial_backward
    monkeypatch.setattr(Linear, "partial_backward", lambda *a: told.append(a[3]) or right(*a))
    gradients(NET)
    assert told == []
    gradients(dataclasses.replace(NET, constants=("x",)))
    assert told == [{"weight", "bias"}]


@pytest.mark.parametrize("wanted", [{"x"}, {"weight"}, {"bias"}, {"x", "bias"}, {"weight", "bias"}])
def test_a_part_of_the_gradients_is_the_same_bits(wanted: set[str]) -> None:
    x, weight, bias = ARRAYS[0], ARRAYS[1], ARRAYS[2]
    y, saved = Linear().forward(x, weight, bias)
    full = Linear().backward(saved, y)
    part = Linear().partial_backward(saved, y, wanted)
    for name in wanted:
        np.testing.assert_array_equal(part[name], full[name])
    assert ("x" in part) == ("x" in wanted), "its product costs as much as forward's"


def test_a_layer_that_leaves_nothing_out_gives_all() -> None:
    y, saved = Tanh().forward(ARRAYS[0])
    np.testing.assert_array_equal(
        Tanh().partial_backward(saved, y, {"x"})["x"], Tanh().backward(saved, y)["x"]
    )


def test_an_unknown_one() -> None:
    with pytest.raises(NetError, match="'y' is a constant, but no input has that name"):
        dataclasses.replace(NET, constants=("y",))
