"""torch's slicing along one axis, and torch.split."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.piece import Slice, Split
from reference.twin import twin


@twin.register
def slice_(layer: Slice, x: Tensor) -> Tensor:
    # What x[…, start:end:step] calls, with the axis as an argument.
    y: Tensor = torch.ops.aten.slice(x, layer.dim, layer.start, layer.end, layer.step)
    return y


@twin.register
def split(layer: Split, x: Tensor) -> tuple[Tensor, ...]:
    asked = layer.split_size_or_sections
    return torch.split(x, asked if isinstance(asked, int) else list(asked), layer.dim)
