"""Losses between two real arrays of one shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Buffer, Grads, Layer, Real, Saved
from manual.losses.reduction import check_reduction, check_same_shape, reduce_loss, spread
from manual.numeric import absolute, sign


@dataclass(frozen=True)
class SquaredError(Layer):
    """E = ½ Σ (d − y)²; the network's output y is called x here, and d the target

    Shapes    x, target (…) → y (), or (…) without reduction
    Backward  dx = (x − target) dy;  dtarget = −dx;  a mean divides both by the entries' number
    Source    the seed article, its error E; torch has no such function
    Raises    ValueError for an unknown reduction or unequal shapes
    """

    reduction: str = "sum"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(self, x: Real, target: Real) -> tuple[Array, Saved]:
        check_same_shape(x, target)
        error = x - target
        return reduce_loss(0.5 * error * error, self.reduction, error.size), (error,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (error,) = saved
        dx = spread(dy, self.reduction, error.size) * error
        return {"x": dx, "target": -dx}


@dataclass(frozen=True)
class MSELoss(Layer):
    """y = mean (x − target)², or Σ weight (x − target)² / Σ weight

    Shapes    x, target, weight (…) → y (), or (…) without reduction
    Backward  dx = 2 weight (x − target) dy / total;  dtarget = −dx;  total is 1 without a mean
    Source    torch.nn.functional.mse_loss
    Raises    ValueError for an unknown reduction or unequal shapes
    """

    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(self, x: Real, target: Real, weight: Buffer | None = None) -> tuple[Array, Saved]:
        check_same_shape(x, target, weight)
        error = x - target
        loss = error * error
        total = error.size
        if weight is not None:
            loss = weight * loss
            total = weight.sum()
        return reduce_loss(loss, self.reduction, total), (error, weight, total)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        error, weight, total = saved
        dx = 2 * spread(dy, self.reduction, total) * error
        if weight is not None:
            dx = weight * dx
        return {"x": dx, "target": -dx}


@dataclass(frozen=True)
class L1Loss(Layer):
    """y = mean |x − target|, or Σ weight |x − target| / Σ weight

    Shapes    x, target, weight (…) → y (), or (…) without reduction
    Backward  dx = weight sign(x − target) dy / total, 0 where the two are equal;  dtarget = −dx
    Source    torch.nn.functional.l1_loss
    Raises    ValueError for an unknown reduction or unequal shapes
    """

    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(self, x: Real, target: Real, weight: Buffer | None = None) -> tuple[Array, Saved]:
        check_same_shape(x, target, weight)
        error = x - target
        loss = absolute(error)
        total = error.size
        if weight is not None:
            loss = weight * loss
            total = weight.sum()
        return reduce_loss(loss, self.reduction, total), (sign(error), weight, total)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        slope, weight, total = saved
        dx = spread(dy, self.reduction, total) * slope
        if weight is not None:
            dx = weight * dx
        return {"x": dx, "target": -dx}


@dataclass(frozen=True)
class SmoothL1Loss(Layer):
    """y = mean of z²/2β where z = |x − target| < β, of z − β/2 elsewhere; β = 0 is the L1 loss

    Shapes    x, target (…) → y (), or (…) without reduction
    Backward  dx = clip((x − target)/β, −1, 1) dy / total;  dtarget = −dx
    Source    Girshick, Fast R-CNN (2015), eq. 3, with torch's β
    Raises    ValueError for a negative beta, an unknown reduction or unequal shapes
    """

    reduction: str = "mean"
    beta: float = 1.0

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        if self.beta < 0:
            raise ValueError(f"beta is the width of the parabola, ≥ 0; it is {self.beta}")

    def forward(self, x: Real, target: Real) -> tuple[Array, Saved]:
        check_same_shape(x, target)
        error = x - target
        distance = absolute(error)
        inside = np.minimum(distance, self.beta)  # complex numbers are ordered by their real part
        loss = distance - inside
        if self.beta:
            loss = loss + 0.5 * inside * (inside / self.beta)
        return reduce_loss(loss, self.reduction, error.size), (error,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (error,) = saved
        if self.beta:
            slope = np.maximum(np.minimum(error, self.beta), -self.beta) / self.beta
        else:
            slope = sign(error)
        dx = spread(dy, self.reduction, error.size) * slope
        return {"x": dx, "target": -dx}


@dataclass(frozen=True)
class HuberLoss(Layer):
    """y = mean of weight × (z²/2 where z = |x − target| < δ, δ (z − δ/2) elsewhere)

    Shapes    x, target, weight (…) → y (), or (…) without reduction
    Backward  dx = weight clip(x − target, −δ, δ) dy / total;  dtarget = −dx;  a mean divides by
              the number of entries, with a weight too (where MSELoss takes the weights' sum)
    Source    Huber, Robust Estimation of a Location Parameter (1964); torch's weight
    Raises    ValueError unless delta > 0, for an unknown reduction or unequal shapes
    """

    reduction: str = "mean"
    delta: float = 1.0

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        if self.delta <= 0:
            raise ValueError(f"delta is the width of the parabola, > 0; it is {self.delta}")

    def forward(self, x: Real, target: Real, weight: Buffer | None = None) -> tuple[Array, Saved]:
        check_same_shape(x, target, weight)
        error = x - target
        distance = absolute(error)
        inside = np.minimum(distance, self.delta)  # complex numbers are ordered by their real part
        loss = 0.5 * inside * inside + self.delta * (distance - inside)
        if weight is not None:
            loss = weight * loss
        return reduce_loss(loss, self.reduction, error.size), (error, weight)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        error, weight = saved
        slope = np.maximum(np.minimum(error, self.delta), -self.delta)
        dx = spread(dy, self.reduction, error.size) * slope
        if weight is not None:
            dx = weight * dx
        return {"x": dx, "target": -dx}
