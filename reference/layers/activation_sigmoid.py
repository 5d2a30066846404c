"""torch.nn.functional's smooth element-wise activations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from manual.layers.activation_sigmoid import (
    LogSigmoid,
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
)
from reference.twin import twin


@twin.register
def sigmoid(layer: Sigmoid, x: Tensor) -> Tensor:
    return torch.sigmoid(x)


@twin.register
def tanh(layer: Tanh, x: Tensor) -> Tensor:
    return torch.tanh(x)


@twin.register
def tanhshrink(layer: Tanhshrink, x: Tensor) -> Tensor:
    return F.tanhshrink(x)


@twin.register
def softsign(layer: Softsign, x: Tensor) -> Tensor:
    return F.softsign(x)


@twin.register
def log_sigmoid(layer: LogSigmoid, x: Tensor) -> Tensor:
    return F.logsigmoid(x)


@twin.register
def softplus(layer: Softplus, x: Tensor) -> Tensor:
    return F.softplus(x, layer.beta, layer.threshold)
