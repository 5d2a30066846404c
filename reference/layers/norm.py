"""torch.nn.functional.batch_norm, on copies of the running statistics, into which it writes.

Two faults of torch 2.13 on a CPU are gone round. Its evaluation is y = a x + (bias − a mean), which
loses what is small beside a mean: in float32, y = −4.8e-7 where x is the mean and bias is 0; so
evaluation is composed of its definition. Its backward is wrong by anything where one axis of an
image has length 1 and x and dy lie in memory in different orders; of three axes it is right.
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
    three = x.flatten(2) if x.ndim > 3 else x
    if running_mean is None or running_var is None:
        y = F.batch_norm(three, None, None, weight, bias, True, eps=layer.eps)
        return y.reshape(x.shape)
    state = running_mean.detach().clone(), running_var.detach().clone()
    if not layer.training:
        return _evaluated(x, *state, weight, bias, layer.eps), *state
    y = F.batch_norm(three, *state, weight, bias, True, layer.momentum, layer.eps)
    return y.reshape(x.shape), *state


def _evaluated(
    x: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    shape = (1, -1, *[1] * (x.ndim - 2))
    y = (x - mean.view(shape)) / torch.sqrt(var + eps).view(shape)
    y = y if weight is None else y * weight.view(shape)
    return y if bias is None else y + bias.view(shape)
