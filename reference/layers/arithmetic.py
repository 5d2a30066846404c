"""torch's arithmetic and matmul."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.layers.arithmetic import Add, Divide, MatMul, Multiply, Subtract
from reference.twin import twin


@twin.register
def add(layer: Add, x: Tensor, other: Tensor) -> Tensor:
    return torch.add(x, other, alpha=layer.alpha)


@twin.register
def subtract(layer: Subtract, x: Tensor, other: Tensor) -> Tensor:
    return torch.sub(x, other, alpha=layer.alpha)


@twin.register
def multiply(layer: Multiply, x: Tensor, other: Tensor) -> Tensor:
    return torch.mul(x, other)


@twin.register
def divide(layer: Divide, x: Tensor, other: Tensor) -> Tensor:
    return torch.div(x, other)


@twin.register
def matmul(layer: MatMul, x: Tensor, other: Tensor) -> Tensor:
    return torch.matmul(x, other)
