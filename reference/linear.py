"""torch.nn.functional.linear."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.linear import Linear
from reference.twin import twin


@twin.register
def linear(layer: Linear, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)
