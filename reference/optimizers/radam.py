"""torch.optim.RAdam."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.radam import RAdam
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def radam(optimizer: RAdam, tensors: list[Tensor]) -> torch.optim.RAdam:
    return torch.optim.RAdam(tensors, **options(optimizer))
