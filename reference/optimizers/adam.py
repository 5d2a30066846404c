"""torch.optim.Adam and torch.optim.AdamW."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.adam import Adam, AdamW
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def adam(optimizer: Adam, tensors: list[Tensor]) -> torch.optim.Adam:
    return torch.optim.Adam(tensors, **options(optimizer))


@optimizer_twin.register
def adamw(optimizer: AdamW, tensors: list[Tensor]) -> torch.optim.AdamW:
    return torch.optim.AdamW(tensors, **options(optimizer))
