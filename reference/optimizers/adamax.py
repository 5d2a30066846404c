"""torch.optim.Adamax."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.adamax import Adamax
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def adamax(optimizer: Adamax, tensors: list[Tensor]) -> torch.optim.Adamax:
    return torch.optim.Adamax(tensors, **options(optimizer))
