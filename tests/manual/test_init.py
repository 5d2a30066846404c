"""Initial values: torch's bounds and distributions, from a seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from manual import init
from manual.init import draw_parameters, initial
from manual.layer import Array, Layer
from manual.layers.activation import PReLU
from manual.layers.conv import Conv2d
from manual.layers.linear import Bilinear, Linear
from manual.layers.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from manual.layers.sparse import Embedding
from manual.net import Net, Step
from tests.strategies.rules import cases_for


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def same_distribution(mine: Array, theirs: torch.Tensor) -> bool:
    """Both samples are drawn from fixed seeds, so that this cannot fail by chance."""
    return bool(stats.ks_2samp(mine.ravel(), theirs.detach().numpy().ravel()).pvalue > 0.01)


MODULES: list[tuple[Layer, torch.nn.Module]] = [
    (Linear(), torch.nn.Linear(37, 83, dtype=torch.float64)),
    (Bilinear(), torch.nn.Bilinear(37, 5, 83, dtype=torch.float64)),
    (PReLU(), torch.nn.PReLU(83, dtype=torch.float64)),
    (Conv2d(groups=2), torch.nn.Conv2d(14, 82, (3, 5), groups=2, dtype=torch.float64)),
    (BatchNorm1d(), torch.nn.BatchNorm1d(83, dtype=torch.float64)),
    (BatchNorm2d(), torch.nn.BatchNorm2d(83, dtype=torch.float64)),
    (BatchNorm3d(), torch.nn.BatchNorm3d(83, dtype=torch.float64)),
    (Embedding(4), torch.nn.Embedding(37, 83, 4, dtype=torch.float64)),
]


@pytest.mark.parametrize(("layer", "module"), MODULES, ids=lambda part: type(part).__name__)
def test_a_layer_starts_as_its_torch_module_does(layer: Layer, module: torch.nn.Module) -> None:
    torch.manual_seed(0)
    module.reset_parameters()  # type: ignore[operator]  # Module declares no such method
    theirs = dict(module.named_parameters())
    mine = initial(layer, {name: tuple(t.shape) for name, t in theirs.items()}, seed=1)
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert value.shape == tuple(theirs[name].shape)
        assert same_distribution(value, theirs[name]), name


def test_linear_lies_within_its_bound_and_fills_it() -> None:
    drawn = initial(Linear(), {"weight": (400, 25), "bias": (400,)}, seed=0)
    for value in drawn.values():
        assert 0.19 < np.abs(value).max() <= 0.2
        assert abs(value.mean()) < 0.02


def test_an_optional_parameter_may_be_left_out() -> None:
    assert initial(Linear(), {"weight": (3, 2)}, seed=0).keys() == {"weight"}


def test_no_inputs_at_all() -> None:
    drawn = initial(Linear(), {"weight": (3, 0), "bias": (3,)}, seed=0)
    assert drawn["weight"].shape == (3, 0)
    assert not drawn["bias"].any()


def test_every_layer_with_parameters_has_a_rule() -> None:
    missing = [
        kind.__name__
        for kind in cases_for
        if "param" in _kinds(kind) and kind not in draw_parameters.registry
    ]
    assert not missing, f"manual/init.py: register initial values for {', '.join(missing)}"


def _kinds(kind: type[Layer]) -> set[str]:
    annotations = kind.forward.__annotations__.values()
    return {"param" for hint in annotations if str(hint).startswith("Param")}


def test_a_layer_with_parameters_but_no_rule_says_so() -> None:
    class Nameless(Layer):
        pass

    with pytest.raises(TypeError, match="Nameless has the parameters weight but no initial values"):
        initial(Nameless(), {"weight": (3,)}, seed=0)


NET = Net(
    ("x", "w", "b", "v"),
    (
        Step("h", Linear(), ("x", "w", "b")),
        Step("a", PReLU(), ("h", "v")),
        Step("y", Linear(), ("a", "w")),
    ),
)
SHAPES = {"w": (3, 3), "b": (3,), "v": (1,)}


def test_a_network_draws_each_parameter_once_by_its_own_names() -> None:
    drawn = initial(NET, SHAPES, seed=5)
    assert {name: value.shape for name, value in drawn.items()} == SHAPES
    first = initial(Linear(), {"weight": (3, 3), "bias": (3,)}, seed=5)
    assert np.array_equal(drawn["w"], first["weight"])
    assert np.array_equal(drawn["b"], first["bias"])
    assert drawn["v"].tolist() == [0.25]


def test_a_network_inside_a_network_draws_the_same() -> None:
    outer = Net(("x", "p", "q", "r"), (Step("y", NET, ("x", "p", "q", "r")),))
    names = dict(zip("pqr", "wbv", strict=True))
    drawn = initial(outer, {name: SHAPES[own] for name, own in names.items()}, seed=5)
    inner = initial(NET, SHAPES, seed=5)
    assert all(np.array_equal(drawn[name], inner[own]) for name, own in names.items())


def test_the_seed_decides_and_the_dtype_only_rounds() -> None:
    drawn = initial(NET, SHAPES, seed=5)
    again = initial(NET, SHAPES, seed=5, dtype=np.float32)
    other = initial(NET, SHAPES, seed=6)
    for name in SHAPES:
        assert again[name].dtype == np.float32
        assert np.array_equal(again[name], drawn[name].astype(np.float32))
    assert not np.array_equal(drawn["w"], other["w"])


RULES: list[tuple[str, dict[str, Any]]] = [
    ("uniform", {}),
    ("uniform", {"a": -3.0, "b": -1.0}),
    ("normal", {}),
    ("normal", {"mean": 2.0, "std": 0.1}),
    ("xavier_uniform", {}),
    ("xavier_uniform", {"gain": 5 / 3}),
    ("xavier_normal", {"gain": 2.0}),
    ("kaiming_uniform", {"a": math.sqrt(5)}),
    ("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal", {}),
    ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("orthogonal", {"gain": 1.5}),
]


@pytest.mark.parametrize("shape", [(90, 40), (40, 30, 3)], ids=str)
@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_a_rule_draws_from_torchs_distribution(
    rule: str, options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    mine: Array = getattr(init, rule)(shape, rng(3), **options)
    torch.manual_seed(3)
    theirs = getattr(torch.nn.init, rule + "_")(torch.empty(shape, dtype=torch.float64), **options)
    assert mine.shape == shape
    assert mine.dtype == np.float64
    assert same_distribution(mine, theirs)
    again = getattr(init, rule)(shape, rng(3), **options)
    assert np.array_equal(mine, again)


def test_constant() -> None:
    assert init.constant((2, 3), 7).tolist() == [[7.0] * 3] * 2


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 4), (1, 6), (0, 3)], ids=str)
def test_orthogonal_rows_or_columns_are_orthonormal(shape: tuple[int, ...]) -> None:
    drawn = init.orthogonal(shape, rng(), gain=2.0)
    assert drawn.shape == shape
    q = drawn.reshape(shape[0], math.prod(shape[1:])) / 2
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    assert np.abs(gram - np.eye(len(gram))).max(initial=0) < 1e-14


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_are_torchs(name: str) -> None:
    assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.fans((3,)), r"a weight of shape \(3,\) has no fan_in"),
        (lambda: init.orthogonal((3,), rng()), "needs two axes"),
        (lambda: init.kaiming_normal((2, 3), rng(), mode="fan"), "mode must be fan_in or fan_out"),
        (lambda: init.calculate_gain("gelu"), "nonlinearity must be one of tanh, relu"),
    ],
)
def test_what_cannot_be_drawn_says_why(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
