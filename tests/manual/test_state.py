"""Layers with state, and outputs without a cotangent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from manual.layer import Array
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Add
from manual.layers.linear import Linear
from manual.layers.norm import BatchNorm1d, BatchNorm2d
from manual.layers.shape import Split
from manual.net import Net, NetError, Step

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 3))
MEAN, VAR = RNG.standard_normal(3), RNG.uniform(0.5, 2, 3)
TRACKED = Step(("h", "mean", "var"), BatchNorm1d(), ("x", "running_mean", "running_var"))
INPUTS = ("x", "running_mean", "running_var")


def test_kinds_of_outputs() -> None:
    assert BatchNorm1d().output_kinds(3) == ("real", "buffer", "buffer")
    assert BatchNorm1d().output_kinds(1) == ("real",)
    assert Tanh().output_kinds(1) is None
    assert Split(1).output_kinds(2) is None
    assert Net(INPUTS, (TRACKED,)).output_kinds(3) == ("real", "buffer", "buffer")
    assert Net(("x",), (Step("y", Tanh(), ("x",)),)).output_kinds(1) is None


def test_nobody_need_read_a_state() -> None:
    net = Net(INPUTS, (TRACKED, Step("y", Tanh(), ("h",))))
    y, saved = net.forward(X, MEAN, VAR)
    assert net.backward(saved, np.ones_like(y)).keys() == {"x"}


def test_an_output_with_a_cotangent_is_read() -> None:
    with pytest.raises(NetError, match="nobody reads 'h'"):
        Net(INPUTS, (TRACKED, Step("y", Tanh(), ("mean",))))


def test_nothing_flows_through_a_state() -> None:
    """It may be read; to what it was made of, it is a constant."""
    net = Net(INPUTS, (TRACKED, Step("y", Add(), ("h", "mean"))))
    dy = RNG.standard_normal(X.shape)
    _, saved = net.forward(X, MEAN, VAR)
    _, alone = TRACKED.layer.forward(X, MEAN, VAR)
    grads = net.backward(saved, dy)
    assert grads.keys() == {"x"}
    np.testing.assert_array_equal(grads["x"], TRACKED.layer.backward(alone, (dy, None, None))["x"])


def test_a_network_that_ends_with_a_state() -> None:
    net = Net(("x", "w", *INPUTS[1:]), (Step("l", Linear(), ("x", "w")), _tracked("l")))
    y, saved = net.forward(X, np.eye(3), MEAN, VAR)
    grads = net.backward(saved, (np.ones((5, 3)), None, None))
    assert len(y) == 3
    assert grads.keys() == {"x", "w"}


def _tracked(x: str) -> Step:
    return Step(("y", "mean", "var"), BatchNorm1d(), (x, "running_mean", "running_var"))


def test_running_statistics() -> None:
    layer = BatchNorm1d(momentum=0.25)
    (_, mean, var), _ = layer.forward(X, MEAN, VAR)
    np.testing.assert_allclose(mean, 0.75 * MEAN + 0.25 * X.mean(axis=0))
    np.testing.assert_allclose(var, 0.75 * VAR + 0.25 * X.var(axis=0, ddof=1))


def test_evaluation_hands_back_copies() -> None:
    (y, mean, var), _ = BatchNorm1d(training=False).forward(X, MEAN, VAR)
    np.testing.assert_allclose(y, (X - MEAN) / np.sqrt(VAR + 1e-5))
    for new, old in ((mean, MEAN), (var, VAR)):
        np.testing.assert_array_equal(new, old)
        assert not np.shares_memory(new, old)


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (BatchNorm1d(), (1, 3), "more than one value per channel, not 1"),
        (BatchNorm1d(training=False), (1, 3), "more than one value per channel, not 1"),
        (BatchNorm2d(), (2, 3, 4), "BatchNorm2d takes 4 axes, not 3"),
        (BatchNorm1d(), (2,), "BatchNorm1d takes 2 or 3 axes, not 1"),
    ],
)
def test_what_does_not_fit(layer: Any, shape: tuple[int, ...], said: str) -> None:
    x: Array = np.ones(shape)
    with pytest.raises(ValueError, match=said):
        layer.forward(x)
