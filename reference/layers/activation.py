"""torch's rectifiers, exponential and gated activations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from manual.layers.activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    LeakyReLU,
    Mish,
    PReLU,
    ReLU,
    RReLU,
    SiLU,
    Threshold,
)
from reference.twin import twin


@twin.register
def relu(layer: ReLU, x: Tensor) -> Tensor:
    return F.relu(x)


@twin.register
def leaky_relu(layer: LeakyReLU, x: Tensor) -> Tensor:
    return F.leaky_relu(x, layer.negative_slope)


@twin.register
def prelu(layer: PReLU, x: Tensor, weight: Tensor) -> Tensor:
    return F.prelu(x, weight)


@twin.register
def rrelu(layer: RReLU, x: Tensor, noise: Tensor | None = None) -> Tensor:
    if noise is None:
        return F.rrelu(x, layer.lower, layer.upper, training=False)
    return torch.where(x <= 0, x * noise, x)


@twin.register
def threshold(layer: Threshold, x: Tensor) -> Tensor:
    return F.threshold(x, layer.threshold, layer.value)


@twin.register
def elu(layer: ELU, x: Tensor) -> Tensor:
    return F.elu(x, layer.alpha)


@twin.register
def selu(layer: SELU, x: Tensor) -> Tensor:
    return F.selu(x)


@twin.register
def celu(layer: CELU, x: Tensor) -> Tensor:
    return F.celu(x, layer.alpha)


@twin.register
def glu(layer: GLU, x: Tensor) -> Tensor:
    return F.glu(x, layer.dim)


@twin.register
def silu(layer: SiLU, x: Tensor) -> Tensor:
    return F.silu(x)


@twin.register
def mish(layer: Mish, x: Tensor) -> Tensor:
    return F.mish(x)


@twin.register
def gelu(layer: GELU, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=layer.approximate)
