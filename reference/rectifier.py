"""torch.nn.functional's rectifiers; RReLU in training is composed, for torch keeps its draws."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from manual.rectifier import LeakyReLU, PReLU, ReLU, RReLU, Threshold
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
