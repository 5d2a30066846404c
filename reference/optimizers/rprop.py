"""torch.optim.Rprop."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.rprop import Rprop
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def rprop(optimizer: Rprop, tensors: list[Tensor]) -> torch.optim.Rprop:
    return torch.optim.Rprop(tensors, **options(optimizer))
