"""torch.nn.functional.batch_norm, on copies of the running statistics, into which it writes.

Its evaluation is y = a x + (bias − a mean), which loses what is small beside a mean: in float32,
y = −4.8e-7 where x is the mean and bias is 0. So evaluation is composed of its definition.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from manual.layers.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from reference.twin import twin


@twin.register(BatchNorm1d)
@twin.register(BatchNorm2d)
@twin.register(BatchNorm3d)
def batch_norm(
    layer: BatchNorm1d | BatchNorm2d | BatchNorm3d,
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor | tuple[Tensor, ...]:
    if running_mean is None or running_var is None:
        return F.batch_norm(x, None, None, weight, bias, True, layer.momentum, layer.eps)
    state = running_mean.detach().clone(), running_var.detach().clone()
    if layer.training:
        return F.batch_norm(x, *state, weight, bias, True, layer.momentum, layer.eps), *state
    mean, var = (s.view(1, -1, *[1] * (x.ndim - 2)) for s in state)
    y = (x - mean) / torch.sqrt(var + layer.eps)
    y = y if weight is None else y * weight.view(mean.shape)
    return y if bias is None else y + bias.view(mean.shape), *state
