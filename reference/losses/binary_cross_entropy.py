"""torch.nn.functional.binary_cross_entropy and binary_cross_entropy_with_logits."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.losses.binary_cross_entropy import BCELoss, BCEWithLogitsLoss
from reference.twin import twin


@twin.register
def bce_loss(layer: BCELoss, x: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    return F.binary_cross_entropy(x, target, weight, reduction=layer.reduction)


@twin.register
def bce_with_logits_loss(
    layer: BCEWithLogitsLoss,
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
) -> Tensor:
    return F.binary_cross_entropy_with_logits(
        x, target, weight, reduction=layer.reduction, pos_weight=pos_weight
    )
