"""torch.nn.functional.linear and bilinear."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.layers.linear import Bilinear, Linear
from reference.twin import twin


@twin.register
def linear(layer: Linear, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


@twin.register
def bilinear(
    layer: Bilinear, x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    return F.bilinear(x1, x2, weight, bias)
