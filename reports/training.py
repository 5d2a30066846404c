"""This project's training runs: real data, several architectures, every optimiser.

The data are those that scikit-learn brings along, standardised, with a quarter held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, overload

import numpy as np

from gradproof.training.sides import Training
from manual.init import initial
from manual.layer import Array, Layer
from manual.layers.activation import GELU, ReLU, SiLU
from manual.layers.activation_sigmoid import Sigmoid, Softplus, Tanh
from manual.layers.arithmetic import Add, MatMul
from manual.layers.linear import Linear
from manual.losses.binary_cross_entropy import BCEWithLogitsLoss
from manual.losses.cross_entropy import CrossEntropyLoss
from manual.losses.regression import MSELoss, SquaredError
from manual.net import Net, Step
from manual.optimizer import Optimizer
from manual.optimizers.adadelta import Adadelta
from manual.optimizers.adagrad import Adagrad
from manual.optimizers.adam import Adam, AdamW
from manual.optimizers.adamax import Adamax
from manual.optimizers.asgd import ASGD
from manual.optimizers.nadam import NAdam
from manual.optimizers.radam import RAdam
from manual.optimizers.rmsprop import RMSprop
from manual.optimizers.rprop import Rprop
from manual.optimizers.sgd import SGD

BATCH = 16
RUNS = {"quick": 6, "example": 4}
"""How many runs a profile has; all of them if it is not named. Smaller ones have the first."""

OPTIMIZERS: tuple[Optimizer, ...] = (
    SGD(lr=0.1),
    Adam(lr=0.01),
    SGD(lr=0.03, momentum=0.9, nesterov=True),
    SGD(lr=0.05, momentum=0.8, dampening=0.2, weight_decay=1e-3),
    AdamW(lr=0.01, weight_decay=0.05),
    NAdam(lr=0.01),
    RAdam(lr=0.02),
    Adamax(lr=0.02),
    RMSprop(lr=0.003, momentum=0.5, centered=True),
    Adagrad(lr=0.05),
    Adadelta(lr=1.0, rho=0.95),
    ASGD(lr=0.03, t0=100),
    Rprop(lr=0.003, step_sizes=(1e-6, 0.05)),
)
"""Each is run on each data set, in float64."""

IN_SINGLE = (
    ("digits", 0, OPTIMIZERS[2]),
    ("diabetes", 0, OPTIMIZERS[1]),
    ("breast cancer", 0, OPTIMIZERS[4]),
    ("digits", 1, OPTIMIZERS[8]),
)
"""Data set, architecture and optimiser of the runs in float32."""


@dataclass(frozen=True)
class Architecture:
    """A network that ends in its loss, with the shapes of its parameters."""

    name: str
    net: Net
    shapes: dict[str, tuple[int, ...]]


def dense(widths: Sequence[int], activation: Layer, loss: Layer) -> Architecture:
    """Linear layers h1, h2, … of the widths given, with the activation between them."""
    steps: list[Step] = []
    shapes: dict[str, tuple[int, ...]] = {}
    x = "x"
    for i, (wide, high) in enumerate(pairwise(widths), 1):
        h = f"h{i}"
        steps.append(_linear(h, x))
        shapes |= {f"{h}.weight": (high, wide), f"{h}.bias": (high,)}
        x = h
        if i < len(widths) - 1:
            x = f"a{i}"
            steps.append(Step(x, activation, (h,)))
    name = f"{'-'.join(map(str, widths))} {type(activation).__name__}"
    return Architecture(name, _program(steps, shapes, loss), shapes)


def residual(wide: int, width: int, out: int, activation: Layer, loss: Layer) -> Architecture:
    """A hidden layer with a way round it."""
    steps = [
        _linear("h1", "x"),
        Step("a1", activation, ("h1",)),
        _linear("h2", "a1"),
        Step("a2", activation, ("h2",)),
        Step("sum", Add(), ("a1", "a2")),
        _linear("h3", "sum"),
    ]
    widths = {"h1": (width, wide), "h2": (width, width), "h3": (out, width)}
    shapes = _with_biases(widths)
    name = f"{wide}-{width}-{width}-{out} {type(activation).__name__}, residual"
    return Architecture(name, _program(steps, shapes, loss), shapes)


def tied(wide: int, width: int, activation: Layer, loss: Layer) -> Architecture:
    """One weight on the way to the hidden layer and back from it."""
    steps = [
        _linear("h1", "x"),
        Step("a1", activation, ("h1",)),
        Step("back", MatMul(), ("a1", "h1.weight")),
        Step("a2", activation, ("back",)),
        _linear("h2", "a2"),
    ]
    shapes = _with_biases({"h1": (width, wide), "h2": (1, wide)})
    name = f"{wide}-{width}-{wide}-1 {type(activation).__name__}, tied"
    return Architecture(name, _program(steps, shapes, loss), shapes)


def _linear(name: str, x: str) -> Step:
    return Step(name, Linear(), (x, f"{name}.weight", f"{name}.bias"))


def _with_biases(weights: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in weights.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def _program(steps: Sequence[Step], shapes: Mapping[str, Any], loss: Layer) -> Net:
    end = Step("loss", loss, (steps[-1].outs[0], "target"))
    return Net(("x", *shapes, "target"), (*steps, end))


ARCHITECTURES: dict[str, tuple[Architecture, ...]] = {
    "digits": (
        dense((64, 32, 10), ReLU(), CrossEntropyLoss()),
        residual(64, 16, 10, Tanh(), CrossEntropyLoss(label_smoothing=0.1)),
    ),
    "diabetes": (
        dense((10, 16, 1), Sigmoid(), SquaredError(reduction="mean")),
        residual(10, 12, 1, Softplus(), MSELoss()),
        tied(10, 6, Tanh(), MSELoss()),
    ),
    "breast cancer": (
        dense((30, 16, 8, 1), GELU(), BCEWithLogitsLoss()),
        dense((30, 12, 1), SiLU(), BCEWithLogitsLoss()),
        tied(30, 6, ReLU(), BCEWithLogitsLoss()),
    ),
}
"""By data set; the optimisers take them in turn."""


@dataclass(frozen=True)
class Data:
    """Standardised rows: x and target of the training part and of the held-out one."""

    x: Array
    target: Array
    held_x: Array
    held_target: Array


@lru_cache
def load(dataset: str, seed: int) -> Data:
    """A data set, split by the seed; both parts are scaled by the training part's statistics."""
    from sklearn import datasets

    loaders = {
        "digits": datasets.load_digits,
        "diabetes": datasets.load_diabetes,
        "breast cancer": datasets.load_breast_cancer,
    }
    x, target = loaders[dataset](return_X_y=True)
    order = np.random.default_rng([seed, 1]).permutation(len(x))
    held, train = order[: len(x) // 4], order[len(x) // 4 :]
    x = _standardised(x, train)
    if dataset != "digits":
        target = target.astype(np.float64)[:, None]
    if dataset == "diabetes":
        target = _standardised(target, train)
    return Data(x[train], target[train], x[held], target[held])


def _standardised(x: Array, train: Array) -> Array:
    spread = x[train].std(axis=0)
    scaled: Array = (x - x[train].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def trajectories(profile: str, seed: int) -> Sequence[Training]:
    """The training runs of a profile, made when they are asked for."""
    chosen = list(_plan())
    return _Runs(chosen[: RUNS.get(profile)], seed)


def _plan() -> Iterator[tuple[str, Architecture, Optimizer, str]]:
    for i, rule in enumerate(OPTIMIZERS):
        for dataset, architectures in ARCHITECTURES.items():
            yield dataset, architectures[i % len(architectures)], rule, "float64"
    for dataset, which, rule in IN_SINGLE:
        yield dataset, ARCHITECTURES[dataset][which], rule, "float32"


class _Runs(Sequence[Training]):
    def __init__(self, plan: list[tuple[str, Architecture, Optimizer, str]], seed: int) -> None:
        self._plan, self._seed = plan, seed

    def __len__(self) -> int:
        return len(self._plan)

    @overload
    def __getitem__(self, i: int) -> Training: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Training]: ...
    def __getitem__(self, i: int | slice) -> Training | Sequence[Training]:
        if isinstance(i, slice):
            return _Runs(self._plan[i], self._seed)
        return training(*self._plan[i], self._seed)


def training(
    dataset: str, architecture: Architecture, rule: Optimizer, dtype: str, seed: int
) -> Training:
    """One run, with everything that is random in it drawn from the seed."""
    data = load(dataset, seed)
    single = dtype == "float32"
    kind = np.float32 if single else np.float64
    params = initial(architecture.net, architecture.shapes, seed, kind)
    return Training(
        network=architecture.name + (", float32" if single else ""),
        dataset=dataset,
        optimizer=rule,
        net=architecture.net,
        params=params,
        batches=lambda step: _batch(data, step, dtype, seed),
        evaluate=_evaluation(architecture.net, data, dtype),
    )


def _batch(data: Data, step: int, dtype: str, seed: int) -> dict[str, Array]:
    """The step's rows: every epoch goes through all of them in an order of its own."""
    in_epoch = len(data.x) // BATCH
    epoch, place = divmod(step - 1, in_epoch)
    order = np.random.default_rng([seed, 2, epoch]).permutation(len(data.x))
    rows = order[place * BATCH : (place + 1) * BATCH]
    return {"x": data.x[rows].astype(dtype), "target": _as(data.target[rows], dtype)}


def _as(target: Array, dtype: str) -> Array:
    return target.astype(dtype) if target.dtype.kind == "f" else target


def _evaluation(
    net: Net, data: Data, dtype: str
) -> Callable[[Mapping[str, Array], Callable[..., Array]], tuple[str, float]]:
    head = Net(tuple(n for n in net.inputs if n != "target"), net.steps[:-1])
    x, target = data.held_x.astype(dtype), data.held_target

    def evaluate(params: Mapping[str, Array], forward: Callable[..., Array]) -> tuple[str, float]:
        y = forward(head, *({"x": x, **params}[name] for name in head.inputs))
        if target.dtype.kind != "f":
            return "accuracy", float((y.argmax(axis=1) == target).mean())
        if isinstance(net.steps[-1].layer, BCEWithLogitsLoss):
            return "accuracy", float(((y > 0) == (target > 0.5)).mean())
        left = ((y - target) ** 2).sum() / ((target - target.mean()) ** 2).sum()
        return "R²", float(1 - left)

    return evaluate
