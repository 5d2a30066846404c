"""torch.nn.functional.cross_entropy, with indices and with probabilities, and nll_loss."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.losses.cross_entropy import CrossEntropyLoss, NLLLoss, SoftCrossEntropyLoss
from reference.twin import twin


@twin.register
def cross_entropy_loss(
    layer: CrossEntropyLoss, x: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    return F.cross_entropy(
        x,
        target,
        weight,
        ignore_index=layer.ignore_index,
        reduction=layer.reduction,
        label_smoothing=layer.label_smoothing,
    )


@twin.register
def soft_cross_entropy_loss(
    layer: SoftCrossEntropyLoss, x: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    return F.cross_entropy(
        x, target, weight, reduction=layer.reduction, label_smoothing=layer.label_smoothing
    )


@twin.register
def nll_loss(layer: NLLLoss, x: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    # Its backward refuses an input with two axes beside the classes' that is not contiguous.
    x = x.contiguous()
    return F.nll_loss(x, target, weight, ignore_index=layer.ignore_index, reduction=layer.reduction)
