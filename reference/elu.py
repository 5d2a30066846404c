"""torch.nn.functional's exponential linear units."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.elu import CELU, ELU, SELU
from reference.twin import twin


@twin.register
def elu(layer: ELU, x: Tensor) -> Tensor:
    return F.elu(x, layer.alpha)


@twin.register
def selu(layer: SELU, x: Tensor) -> Tensor:
    return F.selu(x)


@twin.register
def celu(layer: CELU, x: Tensor) -> Tensor:
    return F.celu(x, layer.alpha)
