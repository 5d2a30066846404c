"""torch.nn.functional.conv2d."""

from __future__ import annotations

import warnings

import torch.nn.functional as F
from torch import Tensor

from manual.layers.conv import Conv2d
from reference.twin import twin


@twin.register
def conv2d(layer: Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    with warnings.catch_warnings():  # that an even kernel with "same" is slow
        warnings.simplefilter("ignore", UserWarning)
        return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
