"""torch.nn.functional.kl_div, poisson_nll_loss and gaussian_nll_loss."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from manual.losses.divergence import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from reference.twin import twin


@twin.register
def kl_div_loss(layer: KLDivLoss, x: Tensor, target: Tensor) -> Tensor:
    if layer.reduction == "mean":
        # F.kl_div warns whenever it is asked for this mean, which it takes in the same way.
        return F.kl_div(x, target, reduction="none", log_target=layer.log_target).mean()
    return F.kl_div(x, target, reduction=layer.reduction, log_target=layer.log_target)


@twin.register
def poisson_nll_loss(layer: PoissonNLLLoss, x: Tensor, target: Tensor) -> Tensor:
    return F.poisson_nll_loss(
        x,
        target,
        log_input=layer.log_input,
        full=layer.full,
        eps=layer.eps,
        reduction=layer.reduction,
    )


@twin.register
def gaussian_nll_loss(layer: GaussianNLLLoss, x: Tensor, target: Tensor, var: Tensor) -> Tensor:
    return F.gaussian_nll_loss(
        x, target, var, full=layer.full, eps=layer.eps, reduction=layer.reduction
    )
