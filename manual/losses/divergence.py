"""Losses from probability distributions: divergence and negative log likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from manual.layer import Array, Grads, Layer, Real, Saved
from manual.losses.reduction import REDUCTIONS, check_reduction, reduce_loss, spread
from manual.numeric import unbroadcast


@dataclass(frozen=True)
class KLDivLoss(Layer):
    """y = mean of target (log target − x), where x holds log-probabilities; 0 where target is 0

    Shapes    x and target broadcast together to (…) → y (), or (…) without reduction
    Backward  dx = −target dy / n;  dtarget = (log target + 1 − x) dy / n, NaN where target is 0;
              with log_target t: dx = −eᵗ dy / n;  dt = eᵗ (t + 1 − x) dy / n;
              n is the number of entries, for "batchmean" x's first axis, otherwise 1
    Source    torch.nn.functional.kl_div; Kullback & Leibler, On Information and Sufficiency (1951)
    Raises    ValueError for an unknown reduction or shapes that do not broadcast
    """

    reduction: str = "mean"
    log_target: bool = False

    def __post_init__(self) -> None:
        check_reduction(self.reduction, (*REDUCTIONS, "batchmean"))

    def forward(self, x: Real, target: Real) -> tuple[Array, Saved]:
        if self.log_target:
            loss = np.exp(target) * (target - x)
        else:
            loss = target * np.log(target + (target == 0)) - target * x  # 0 log 0 is 0
        total = self._total(x, loss.shape)
        return reduce_loss(loss, self.reduction, total), (x, target, loss.shape, total)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, target, shape, total = saved
        g = np.broadcast_to(spread(dy, self.reduction, total), shape)
        if self.log_target:
            p = np.exp(target)
            dtarget = unbroadcast(g * (p * (target + 1 - x)), target.shape)
        else:
            p = target
            # (t log t)′ has its 1 as t/t: torch's NaN, not −∞, where a target is 0.
            with np.errstate(divide="ignore", invalid="ignore"):
                own = unbroadcast(g, target.shape) * (np.log(target) + target / target)
            dtarget = own - unbroadcast(g * x, target.shape)
        return {
            "x": unbroadcast(-g * p, x.shape),
            "target": dtarget,
        }

    def _total(self, x: Array, shape: tuple[int, ...]) -> int:
        if self.reduction == "batchmean":
            return x.shape[0] if x.ndim else 1
        return math.prod(shape)


@dataclass(frozen=True)
class PoissonNLLLoss(Layer):
    """y = mean of eˣ − target x, or with log_input off of x − target log(x + eps)

    full adds Stirling's log target! ≈ target log target − target + ½ log(2π target) where
    target > 1.

    Shapes    x and target broadcast together to (…) → y (), or (…) without reduction
    Backward  dx = (eˣ − target) dy / n, or (1 − target / (x + eps)) dy / n;
              dtarget = −x dy / n, or −log(x + eps) dy / n;  full adds
              (log target + 1 / (2 target)) dy / n where target > 1, NaN where target ≤ 0
    Source    torch.nn.functional.poisson_nll_loss
    Raises    ValueError for an unknown reduction or shapes that do not broadcast
    """

    log_input: bool = True
    full: bool = False
    eps: float = 1e-8
    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(self, x: Real, target: Real) -> tuple[Array, Saved]:
        rate = np.exp(x) if self.log_input else x
        log_rate = x if self.log_input else np.log(x + self.eps)
        loss = rate - target * log_rate
        if self.full:
            many = target.real > 1
            t = np.where(many, target, 1)
            stirling = t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t)
            loss = loss + many * stirling
        return reduce_loss(loss, self.reduction, loss.size), (x, target, rate, log_rate, loss.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, target, rate, log_rate, shape = saved
        g = np.broadcast_to(spread(dy, self.reduction, math.prod(shape)), shape)
        dx = g * (rate - target) if self.log_input else g * (1 - target / (x + self.eps))
        dtarget = unbroadcast(-g * log_rate, target.shape)
        if self.full:
            many = np.asarray(target > 1, dtype=target.dtype)
            # 0 · log 0 and 0 / 0 where no term was added: torch's NaN where a target is 0.
            with np.errstate(divide="ignore", invalid="ignore"):
                slope = many * np.log(target) + 0.5 * many / target
            dtarget = dtarget + unbroadcast(g, target.shape) * slope
        return {"x": unbroadcast(dx, x.shape), "target": dtarget}


@dataclass(frozen=True)
class GaussianNLLLoss(Layer):
    """y = mean of ½ (log v + (x − target)² / v), v = max(var, eps); full adds ½ log 2π

    Shapes    x and target broadcast together to (…); var as x, or without its last axis, or with
              one axis of length 1 instead → y (), or (…) without reduction
    Backward  dx = (x − target) / v · dy / n;  dtarget = −dx;
              dvar = ½ (1/v − (x − target)² / v²) dy / n, as if the maximum were not there:
              torch takes it without a gradient
    Source    torch.nn.functional.gaussian_nll_loss; Nix & Weigend, Estimating the Mean and
              Variance of the Target Probability Distribution (1994)
    Raises    ValueError for an unknown reduction, a negative var or one that does not fit x
    """

    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"
    by_design: ClassVar[dict[str, str]] = {
        "var": "max(var, eps) is taken without a gradient, so below eps it is var's"
    }

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(self, x: Real, target: Real, var: Real) -> tuple[Array, Saved]:
        if np.any(var.real < 0):
            raise ValueError("var has a negative entry")
        v = _facing(var, x)
        v = v + np.maximum(self.eps - v.real, 0)  # max(v, eps), whose derivative stays 1
        error = x - target
        loss = 0.5 * (np.log(v) + error * error / v)
        if self.full:
            loss = loss + 0.5 * math.log(2 * math.pi)
        return reduce_loss(loss, self.reduction, loss.size), (x, target, var, v, error)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, target, var, v, error = saved
        shape = np.broadcast_shapes(error.shape, v.shape)
        g = np.broadcast_to(spread(dy, self.reduction, math.prod(shape)), shape)
        dx = g * (error / v)
        dvar = 0.5 * g * (1 / v - (error / v) * (error / v))
        return {
            "x": unbroadcast(dx, x.shape),
            "target": unbroadcast(-dx, target.shape),
            "var": unbroadcast(dvar, np.shape(v)).reshape(var.shape),
        }


def _facing(var: Array, x: Array) -> Array:
    """var with as many axes as x; ValueError for a shape that torch does not take."""
    if var.shape == x.shape:
        return var
    if var.shape == x.shape[:-1]:
        return var[..., None]
    unequal = [(n, m) for n, m in zip(x.shape, var.shape, strict=False) if n != m]
    if var.ndim != x.ndim or len(unequal) != 1 or unequal[0][1] != 1:
        raise ValueError(f"var of shape {var.shape} does not fit x of shape {x.shape}")
    return var
