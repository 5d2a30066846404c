"""Losses of a choice between classes. The class axis is 1, or 0 where there is no batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Buffer, Grads, Index, Layer, Real, Saved
from manual.losses.reduction import check_reduction, check_same_shape, reduce_loss, spread


@dataclass(frozen=True)
class CrossEntropyLoss(Layer):
    """y = mean of −Σ_c q_c log softmax(x)_c; q = weight ⊙ ((1 − ε) onehot(target) + ε/C)

    Shapes    x (N, C, …) or (C,), target (N, …) or () of classes, weight (C,) → y () or target's
    Backward  dx = (softmax(x) Σ_c q − q) dy / total, 0 where the target is ignored;  total is the
              sum of weight[target] over the targets that count, 1 without a mean
    Source    torch.nn.functional.cross_entropy with indices; Bishop, Pattern Recognition and
              Machine Learning (2006), §4.3.4; ε is label_smoothing: Szegedy et al. (2016), §7
    Raises    ValueError for label_smoothing outside [0, 1], an unknown reduction, shapes that do
              not fit; IndexError for a target that is neither a class nor ignore_index
    """

    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        _check_smoothing(self.label_smoothing)

    def forward(self, x: Real, target: Index, weight: Buffer | None = None) -> tuple[Array, Saved]:
        axis = _class_axis(x)
        hot, valid = _one_hot(target, x, self.ignore_index)
        logp, p = _log_softmax(x, axis)
        # Not hot * logp: a class ruled out by a logit of −∞ must leave the others alone.
        if weight is None and not self.label_smoothing:
            loss = -logp.sum(axis=axis, where=hot)
        else:
            terms = np.where(hot, logp, 0)
            if self.label_smoothing:
                even = self.label_smoothing / x.shape[axis]
                logp = np.where(_facing(valid, axis), logp, 0)
                terms = (1 - self.label_smoothing) * terms + even * logp
            if weight is not None:
                weight = _along(weight, x)
                terms = weight * terms
            loss = -terms.sum(axis=axis)
        total = _total(hot, valid, weight)
        return reduce_loss(loss, self.reduction, total), (p, hot, valid, weight, total)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        p, hot, valid, weight, total = saved
        axis = _class_axis(p)
        g = spread(dy, self.reduction, total)
        if np.count_nonzero(valid) != valid.size:
            g = np.where(valid, g, 0)
        if weight is None and not self.label_smoothing:
            slope = p - hot  # Σ_c q is 1
        else:
            q = hot.astype(dy.dtype)
            if self.label_smoothing:
                q = (1 - self.label_smoothing) * q + self.label_smoothing / p.shape[axis]
            if weight is not None:
                q = weight * q
            slope = p * q.sum(axis=axis, keepdims=True) - q
        return {"x": slope * (_facing(g, axis) if g.ndim else g)}


@dataclass(frozen=True)
class SoftCrossEntropyLoss(Layer):
    """y = mean of −Σ_c q_c log softmax(x)_c; q = weight ⊙ ((1 − ε) target + ε/C)

    Shapes    x, target (N, C, …) or (C,), weight (C,) → y (), or x's without C
    Backward  dx = (softmax(x) Σ_c q − q) dy / n;  dtarget = −(1 − ε) weight log softmax(x) dy / n;
              n is the number of choices, 1 without a mean; Σ_c target need not be 1
    Source    torch.nn.functional.cross_entropy with class probabilities; ε is label_smoothing
    Raises    ValueError for label_smoothing outside [0, 1], an unknown reduction, unequal shapes
    """

    reduction: str = "mean"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        _check_smoothing(self.label_smoothing)

    def forward(self, x: Real, target: Real, weight: Buffer | None = None) -> tuple[Array, Saved]:
        check_same_shape(x, target)
        axis = _class_axis(x)
        logp, p = _log_softmax(x, axis)
        q = target
        if self.label_smoothing:
            q = (1 - self.label_smoothing) * q + self.label_smoothing / x.shape[axis]
        if weight is not None:
            weight = _along(weight, x)
            q = weight * q
        loss = -(q * logp).sum(axis=axis)
        return reduce_loss(loss, self.reduction, loss.size), (logp, p, q, weight)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        logp, p, q, weight = saved
        axis = _class_axis(p)
        g = spread(dy, self.reduction, math.prod(_without(p.shape, axis)))
        if self.reduction == "none":
            g = _facing(g, axis)
        slope = p * q.sum(axis=axis, keepdims=True) - q
        dtarget = -((1 - self.label_smoothing) * g) * logp
        if weight is not None:
            dtarget = weight * dtarget
        return {"x": g * slope, "target": dtarget}


@dataclass(frozen=True)
class NLLLoss(Layer):
    """y = mean of −weight[target] x[target], where x holds log-probabilities

    Shapes    x (N, C, …) or (C,), target (N, …) or () of classes, weight (C,) → y () or target's
    Backward  dx = −weight onehot(target) dy / total, 0 where the target is ignored;  total is the
              sum of weight[target] over the targets that count, 1 without a mean
    Source    torch.nn.functional.nll_loss
    Raises    ValueError for an unknown reduction or shapes that do not fit; IndexError for a
              target that is neither a class nor ignore_index
    """

    ignore_index: int = -100
    reduction: str = "mean"

    def __post_init__(self) -> None:
        check_reduction(self.reduction)

    def forward(self, x: Real, target: Index, weight: Buffer | None = None) -> tuple[Array, Saved]:
        hot, valid = _one_hot(target, x, self.ignore_index)
        terms = np.where(hot, x, 0)  # not hot * x: another class may have the log-probability −∞
        if weight is not None:
            weight = _along(weight, x)
            terms = weight * terms
        loss = -terms.sum(axis=_class_axis(x))
        total = _total(hot, valid, weight)
        return reduce_loss(loss, self.reduction, total), (hot, valid, weight, total)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        hot, valid, weight, total = saved
        g = np.where(valid, spread(dy, self.reduction, total), 0)
        dx = np.where(hot, _facing(-g, _class_axis(hot)), 0)
        if weight is not None:
            dx = weight * dx
        return {"x": dx}


def _class_axis(x: Array) -> int:
    if not x.ndim:
        raise ValueError("x is a single number, without an axis of classes")
    return 0 if x.ndim == 1 else 1


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _facing(values: Array, axis: int) -> Array:
    """One value per choice, shaped to broadcast over the classes (a view)."""
    return values[:, None] if axis else values[None]


def _along(weight: Array, x: Array) -> Array:
    """One value per class, shaped to broadcast along x's class axis (a view)."""
    axis = _class_axis(x)
    if weight.shape != (x.shape[axis],):
        raise ValueError(f"a weight of shape {weight.shape} is not one per class of x {x.shape}")
    return weight.reshape(weight.shape + (1,) * (x.ndim - 1 - axis))


def _log_softmax(x: Array, axis: int) -> tuple[Array, Array]:
    """log softmax and softmax along `axis`; the greatest logit is taken off, so e never grows."""
    below = x - x.real.max(axis=axis, keepdims=True)
    e = np.exp(below)
    total = e.sum(axis=axis, keepdims=True)
    return below - np.log(total), e / total


def _one_hot(target: Array, x: Array, ignore_index: int) -> tuple[Array, Array]:
    """Two masks: which class of x is the target (none if ignored), and which targets count."""
    axis = _class_axis(x)
    classes = x.shape[axis]
    if target.shape != _without(x.shape, axis):
        raise ValueError(f"x of shape {x.shape} does not take a target of shape {target.shape}")
    valid = target != ignore_index
    hot = _facing(target, axis) == _along(np.arange(classes), x)
    if 0 <= ignore_index < classes:
        hot &= _facing(valid, axis)
    if np.count_nonzero(hot) != np.count_nonzero(valid):
        raise IndexError(f"a target is neither a class 0 … {classes - 1} nor {ignore_index}")
    return hot, valid


def _total(hot: Array, valid: Array, weight: Array | None) -> Array | int:
    """What a mean divides by: how many targets count, or the sum of their classes' weights."""
    if weight is None:
        return int(np.count_nonzero(valid))
    total: Array = (weight * hot).sum()
    return total


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing lies between 0 and 1; it is {label_smoothing}")
