"""Losses of a yes or a no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from manual.layer import Array, Buffer, Grads, Layer, Real, Saved
from manual.losses.reduction import (
    check_fits,
    check_reduction,
    check_same_shape,
    reduce_loss,
    spread,
)
from manual.numeric import sigmoid

_LEAST = 9.999999960041972e-13  # 10⁻¹² in single precision, in which torch keeps it


@dataclass(frozen=True)
class BCELoss(Layer):
    """y = mean of −weight (target log x + (1 − target) log(1 − x)), logarithms cut at −100

    Shapes    x, target (…), weight broadcast to them → y (), or (…) without reduction
    Backward  dx = weight (x − target) / max(x (1 − x), 10⁻¹²) dy / n;
              dtarget = weight (log(1 − x) − log x) dy / n, not cut: infinite where x is 0 or 1
    Source    torch.nn.functional.binary_cross_entropy, both its cuts included
    Raises    ValueError for an unknown reduction, shapes that do not fit, x or target outside
              [0, 1]
    """

    reduction: str = "mean"
    by_design: ClassVar[dict[str, str]] = {
        "x": "the divisor is max(x (1 − x), 10⁻¹²), so near 0 and 1 another number than x's"
    }

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(self, x: Real, target: Real, weight: Buffer | None = None) -> tuple[Array, Saved]:
        check_same_shape(x, target)
        check_fits(x, weight)
        for name, values in (("x", x.real), ("target", target.real)):
            if not np.all((values >= 0) & (values <= 1)):
                raise ValueError(f"BCELoss wants {name} between 0 and 1")
        with np.errstate(divide="ignore"):  # log 0 = −∞, which the cut catches
            log_x, log_not_x = np.log(x), np.log1p(-x)
        loss = (target - 1) * np.maximum(log_not_x, -100) - target * np.maximum(log_x, -100)
        if weight is not None:
            loss = weight * loss
        return reduce_loss(loss, self.reduction, x.size), (x, target, weight, log_x, log_not_x)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, target, weight, log_x, log_not_x = saved
        g = spread(dy, self.reduction, x.size)
        if weight is not None:
            g = weight * g
        with np.errstate(invalid="ignore"):  # 0 · ∞ is NaN in torch too
            dtarget = g * (log_not_x - log_x)
        dx = g * ((x - target) / np.maximum(x * (1 - x), _LEAST))
        return {"x": dx, "target": dtarget}


@dataclass(frozen=True)
class BCEWithLogitsLoss(Layer):
    """y = mean of −weight (pos_weight target log σ(x) + (1 − target) log σ(−x))

    Shapes    x, target (…), weight and pos_weight broadcast to them → y (), or (…)
    Backward  dx = weight ((1 − target + pos_weight target) σ(x) − pos_weight target) dy / n;
              dtarget = weight (log σ(−x) − pos_weight log σ(x)) dy / n
    Source    torch.nn.functional.binary_cross_entropy_with_logits
    Raises    ValueError for an unknown reduction or shapes that do not fit
    """

    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(
        self,
        x: Real,
        target: Real,
        weight: Buffer | None = None,
        pos_weight: Buffer | None = None,
    ) -> tuple[Array, Saved]:
        check_same_shape(x, target)
        check_fits(x, weight)
        check_fits(x, pos_weight)
        # log σ(−x) = log σ(x) − x
        loss = (1 - target) * x - _hits(target, pos_weight) * _log_sigmoid(x)
        if weight is not None:
            loss = weight * loss
        return reduce_loss(loss, self.reduction, x.size), (x, target, weight, pos_weight)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, target, weight, pos_weight = saved
        g = spread(dy, self.reduction, x.size)
        if weight is not None:
            g = weight * g
        if pos_weight is None:
            dx = g * (sigmoid(x) - target)
            dtarget = -g * x
        else:
            dx = g * (_hits(target, pos_weight) * sigmoid(x) - pos_weight * target)
            dtarget = g * (_log_sigmoid(-x) - pos_weight * _log_sigmoid(x))
        return {"x": dx, "target": dtarget}


def _hits(target: Array, pos_weight: Array | None) -> Array | int:
    """1 − target + pos_weight target, written so that a large target does not cancel."""
    return 1 if pos_weight is None else 1 + (pos_weight - 1) * target


def _log_sigmoid(x: Array) -> Array:
    """log σ(x) = min(x, 0) − log(1 + e^−|x|), analytic from the right at 0, where |x| is not."""
    negative = x.real < 0
    return x * negative - np.log1p(np.exp(np.where(negative, x, -x)))
