"""torch.optim.ASGD."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.asgd import ASGD
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def asgd(optimizer: ASGD, tensors: list[Tensor]) -> torch.optim.ASGD:
    return torch.optim.ASGD(tensors, **options(optimizer))
