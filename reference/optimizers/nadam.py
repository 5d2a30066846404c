"""torch.optim.NAdam."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.nadam import NAdam
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def nadam(optimizer: NAdam, tensors: list[Tensor]) -> torch.optim.NAdam:
    return torch.optim.NAdam(tensors, **options(optimizer))
