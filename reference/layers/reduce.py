"""torch's reductions over axes."""

from __future__ import annotations

import torch
from torch import Tensor

from manual.layers.reduce import LogSumExp, Max, Mean, Sum
from reference.twin import twin


@twin.register
def sum_(layer: Sum, x: Tensor) -> Tensor:
    return torch.sum(x, dim=layer.dim, keepdim=layer.keepdim)


@twin.register
def mean(layer: Mean, x: Tensor) -> Tensor:
    return torch.mean(x, dim=layer.dim, keepdim=layer.keepdim)


@twin.register
def max_(layer: Max, x: Tensor) -> Tensor:
    if layer.first_of_ties and isinstance(layer.dim, int):
        return torch.max(x, dim=layer.dim, keepdim=layer.keepdim).values
    return torch.amax(x, dim=() if layer.dim is None else layer.dim, keepdim=layer.keepdim)


@twin.register
def log_sum_exp(layer: LogSumExp, x: Tensor) -> Tensor:
    return torch.logsumexp(x, dim=layer.dim, keepdim=layer.keepdim)
