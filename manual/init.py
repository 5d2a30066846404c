"""Initial values of parameters: torch's defaults for each layer, and the rules of torch.nn.init.

A rule takes a shape and a NumPy generator and returns a new float64 array. `weight` comes as
(out, in, …), so that fan_in = in · … and fan_out = out · ….
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator

from manual.layer import Array, Layer
from manual.layers.activation import PReLU
from manual.layers.conv import Conv2d
from manual.layers.linear import Bilinear, Linear
from manual.layers.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from manual.layers.sparse import Embedding
from manual.net import Net

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Mapping[str, Shape]


def initial(
    layer: Layer, shapes: Shapes, seed: int, dtype: type[np.floating[Any]] = np.float64
) -> dict[str, Array]:
    """Initial values for the parameters of a layer or network, as torch's module would draw them.

    Every dtype starts from the same numbers, drawn in float64. In a network a parameter that
    several steps use is drawn for the first of them.

    Shapes    shapes[name] for each parameter, by the layer's own argument names or the network's;
              an optional one may be left out
    Raises    TypeError for a layer with parameters but without a registered rule
    """
    drawn = draw_parameters(layer, shapes, np.random.default_rng(seed))
    return {name: value.astype(dtype) for name, value in drawn.items()}


@functools.singledispatch
def draw_parameters(
    layer: Layer,
    shapes: Shapes,
    rng: Generator,  # noqa: ARG001  (what is registered draws from it)
) -> dict[str, Array]:
    """`initial` in float64, from a generator. One registration for each layer with parameters."""
    if shapes:
        raise TypeError(
            f"{type(layer).__name__} has the parameters {', '.join(shapes)} but no initial values: "
            "register a rule with @draw_parameters.register"
        )
    return {}


@draw_parameters.register(Linear)
@draw_parameters.register(Bilinear)
def _by_width(_layer: Linear | Bilinear, shapes: Shapes, rng: Generator) -> dict[str, Array]:
    # For Linear torch writes kaiming_uniform with a = √5, whose bound is the same.
    wide = shapes["weight"][1]
    bound = 1 / math.sqrt(wide) if wide else 0.0
    return {name: uniform(shape, rng, -bound, bound) for name, shape in shapes.items()}


@draw_parameters.register
def _conv2d(_layer: Conv2d, shapes: Shapes, rng: Generator) -> dict[str, Array]:
    bound = 1 / math.sqrt(fans(shapes["weight"])[0])
    return {name: uniform(shape, rng, -bound, bound) for name, shape in shapes.items()}


@draw_parameters.register
def _prelu(_layer: PReLU, shapes: Shapes, _rng: Generator) -> dict[str, Array]:
    return {name: constant(shape, 0.25) for name, shape in shapes.items()}


@draw_parameters.register(BatchNorm1d)
@draw_parameters.register(BatchNorm2d)
@draw_parameters.register(BatchNorm3d)
def _batch_norm(_layer: Layer, shapes: Shapes, _rng: Generator) -> dict[str, Array]:
    return {name: constant(shape, name == "weight") for name, shape in shapes.items()}


@draw_parameters.register
def _embedding(layer: Embedding, shapes: Shapes, rng: Generator) -> dict[str, Array]:
    weight = normal(shapes["weight"], rng)
    if layer.padding_idx is not None:
        weight[layer.padding_idx] = 0
    return {"weight": weight}


@draw_parameters.register
def _net(layer: Net, shapes: Shapes, rng: Generator) -> dict[str, Array]:
    drawn: dict[str, Array] = {}
    for step in layer.steps:
        kinds = step.layer.argument_kinds(len(step.args))
        names = {own: name for own, name in step.slots if kinds[own] == "param"}
        values = draw_parameters(step.layer, {o: shapes[n] for o, n in names.items()}, rng)
        drawn = {names[own]: value for own, value in values.items()} | drawn
    return drawn


def uniform(shape: Shape, rng: Generator, a: float = 0.0, b: float = 1.0) -> Array:
    """U(a, b)"""
    return rng.uniform(a, b, shape)


def normal(shape: Shape, rng: Generator, mean: float = 0.0, std: float = 1.0) -> Array:
    """N(mean, std²)"""
    return rng.normal(mean, std, shape)


def constant(shape: Shape, val: float) -> Array:
    """val everywhere"""
    return np.full(shape, float(val))


def xavier_uniform(shape: Shape, rng: Generator, gain: float = 1.0) -> Array:
    """U(−a, a), a = gain √(6 / (fan_in + fan_out))

    Source    Glorot & Bengio (2010)
    """
    bound = gain * math.sqrt(6 / sum(fans(shape)))
    return uniform(shape, rng, -bound, bound)


def xavier_normal(shape: Shape, rng: Generator, gain: float = 1.0) -> Array:
    """N(0, gain² 2 / (fan_in + fan_out))

    Source    Glorot & Bengio (2010)
    """
    return normal(shape, rng, 0.0, gain * math.sqrt(2 / sum(fans(shape))))


def kaiming_uniform(
    shape: Shape,
    rng: Generator,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> Array:
    """U(−b, b), b = gain √(3 / fan); a is the slope of a leaky_relu

    Source    He et al., arXiv:1502.01852
    """
    bound = math.sqrt(3) * _kaiming_std(shape, a, mode, nonlinearity)
    return uniform(shape, rng, -bound, bound)


def kaiming_normal(
    shape: Shape,
    rng: Generator,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> Array:
    """N(0, gain² / fan); a is the slope of a leaky_relu

    Source    He et al., arXiv:1502.01852
    """
    return normal(shape, rng, 0.0, _kaiming_std(shape, a, mode, nonlinearity))


def orthogonal(shape: Shape, rng: Generator, gain: float = 1.0) -> Array:
    """gain × a uniformly drawn matrix with orthonormal rows or columns, whichever are fewer

    Shapes    axes beyond the second are joined to it
    Source    Saxe, McClelland & Ganguli, arXiv:1312.6120; Mezzadri, arXiv:math-ph/0609050
    Raises    ValueError for fewer than two axes
    """
    fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))
    return np.asarray(gain * (q if rows >= columns else q.T).reshape(shape))


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight

    Raises    ValueError for fewer than two axes
    """
    if len(shape) < 2:
        raise ValueError(f"a weight of shape {shape} has no fan_in and fan_out: it needs two axes")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """The factor by which an activation's input should be scaled; param is leaky_relu's slope.

    Source    torch.nn.init.calculate_gain
    Raises    ValueError for a name that torch does not know
    """
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4, "sigmoid": 1.0, "linear": 1.0}
    gains["leaky_relu"] = math.sqrt(2 / (1 + param**2))
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity must be one of {', '.join(gains)}, not {nonlinearity!r}")
    return gains[nonlinearity]


def _kaiming_std(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be fan_in or fan_out, not {mode!r}")
    fan = fans(shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0
