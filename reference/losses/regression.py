"""torch.nn.functional.mse_loss, l1_loss, smooth_l1_loss, huber_loss; ½ (d − y)² from primitives.

torch's type stub has not learned of `weight` yet.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.losses.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss, SquaredError
from reference.twin import twin


@twin.register
def squared_error(layer: SquaredError, x: Tensor, target: Tensor) -> Tensor:
    loss = 0.5 * (target - x) ** 2
    if layer.reduction == "none":
        return loss
    return loss.sum() if layer.reduction == "sum" else loss.mean()


@twin.register
def mse_loss(layer: MSELoss, x: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    return F.mse_loss(  # type: ignore[call-arg]  # the stub, see above
        x, target, reduction=layer.reduction, weight=weight
    )


@twin.register
def l1_loss(layer: L1Loss, x: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    return F.l1_loss(  # type: ignore[call-arg]
        x, target, reduction=layer.reduction, weight=weight
    )


@twin.register
def smooth_l1_loss(layer: SmoothL1Loss, x: Tensor, target: Tensor) -> Tensor:
    return F.smooth_l1_loss(x, target, reduction=layer.reduction, beta=layer.beta)


@twin.register
def huber_loss(layer: HuberLoss, x: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    return F.huber_loss(  # type: ignore[call-arg]
        x, target, reduction=layer.reduction, delta=layer.delta, weight=weight
    )
