"""torch.nn.functional's clamps and shrinkages; Hardsigmoid is composed."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.layers.activation_hard import (
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    ReLU6,
    Softshrink,
)
from reference.twin import twin


@twin.register
def hardtanh(layer: Hardtanh, x: Tensor) -> Tensor:
    return F.hardtanh(x, layer.min_val, layer.max_val)


@twin.register
def relu6(layer: ReLU6, x: Tensor) -> Tensor:
    return F.relu6(x)


@twin.register
def hardsigmoid(layer: Hardsigmoid, x: Tensor) -> Tensor:
    # F.hardsigmoid's backward multiplies by a 1/6 that is rounded to float32, in float64 too.
    return (F.hardtanh(x, -3, 3) + 3) / 6


@twin.register
def hardswish(layer: Hardswish, x: Tensor) -> Tensor:
    return F.hardswish(x)


@twin.register
def softshrink(layer: Softshrink, x: Tensor) -> Tensor:
    return F.softshrink(x, layer.lambd)


@twin.register
def hardshrink(layer: Hardshrink, x: Tensor) -> Tensor:
    return F.hardshrink(x, layer.lambd)
