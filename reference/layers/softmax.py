"""torch.nn.functional's softmax family."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.layers.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from reference.twin import twin


@twin.register
def softmax(layer: Softmax, x: Tensor) -> Tensor:
    return F.softmax(x, layer.dim)


@twin.register
def softmin(layer: Softmin, x: Tensor) -> Tensor:
    return F.softmin(x, layer.dim)


@twin.register
def softmax2d(layer: Softmax2d, x: Tensor) -> Tensor:
    return F.softmax(x, -3)


@twin.register
def log_softmax(layer: LogSoftmax, x: Tensor) -> Tensor:
    return F.log_softmax(x, layer.dim)
