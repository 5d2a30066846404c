"""torch.optim.Adagrad."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.optimizers.adagrad import Adagrad
from reference.optimizer import optimizer_twin, options


@optimizer_twin.register
def adagrad(optimizer: Adagrad, tensors: list[Tensor]) -> torch.optim.Adagrad:
    return torch.optim.Adagrad(tensors, **options(optimizer))
