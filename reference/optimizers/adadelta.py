"""torch.optim.Adadelta."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.adadelta import Adadelta
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def adadelta(optimizer: Adadelta, tensors: list[Tensor]) -> torch.optim.Adadelta:
    return torch.optim.Adadelta(tensors, **options(optimizer))
