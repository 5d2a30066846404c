"""torch.cat and torch.stack."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.join import Concatenate, Stack
from reference.twin import twin


@twin.register
def concatenate(layer: Concatenate, *x: Tensor) -> Tensor:
    return torch.cat(x, layer.dim)


@twin.register
def stack(layer: Stack, *x: Tensor) -> Tensor:
    return torch.stack(x, layer.dim)
