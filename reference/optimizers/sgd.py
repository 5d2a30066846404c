"""torch.optim.SGD."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.sgd import SGD
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def sgd(optimizer: SGD, tensors: list[Tensor]) -> torch.optim.SGD:
    return torch.optim.SGD(tensors, **options(optimizer))
