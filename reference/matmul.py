"""torch.matmul."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.matmul import MatMul
from reference.twin import twin


@twin.register
def matmul(layer: MatMul, x: Tensor, other: Tensor) -> Tensor:
    return torch.matmul(x, other)
