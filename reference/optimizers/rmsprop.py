"""torch.optim.RMSprop."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.rmsprop import RMSprop
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def rmsprop(optimizer: RMSprop, tensors: list[Tensor]) -> torch.optim.RMSprop:
    return torch.optim.RMSprop(tensors, **options(optimizer))
