"""What the losses share: reducing their entries to one number, and the transpose of that."""

from __future__ import annotations

import numpy as np

from manual.layer import Array

REDUCTIONS = ("none", "mean", "sum")


def check_reduction(reduction: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise ValueError for a reduction that the loss does not have."""
    if reduction not in allowed:
        raise ValueError(f"reduction is one of {', '.join(allowed)}, not {reduction!r}")


def check_same_shape(x: Array, *others: Array | None) -> None:
    """Raise ValueError unless every array given has x's shape: broadcasting here is a slip."""
    for other in others:
        if other is not None and other.shape != x.shape:
            raise ValueError(f"x has shape {x.shape} and its target or weight {other.shape}")


def check_fits(x: Array, weight: Array | None) -> None:
    """Raise ValueError unless `weight` broadcasts to x's shape."""
    if weight is not None and np.broadcast_shapes(x.shape, weight.shape) != x.shape:
        raise ValueError(f"a weight of shape {weight.shape} does not fit x of shape {x.shape}")


def reduce_loss(loss: Array, reduction: str, total: Array | int) -> Array:
    """The entries of `loss`, their sum, or their sum divided by `total`.

    total     what a mean divides by: how many entries count, or the sum of their weights
    """
    if reduction == "none":
        return loss
    # Half precision is summed in single, as torch does: 70,000 ones are not infinite.
    wide = np.float32 if loss.dtype == np.float16 else None
    y: Array = loss.sum(dtype=wide)
    if reduction != "sum":
        y = _divide(y, total)
    return y if wide is None else y.astype(loss.dtype)


def spread(dy: Array, reduction: str, total: Array | int) -> Array:
    """The cotangent of every entry: dy itself, or the one number that all entries share."""
    if reduction in ("none", "sum"):
        return dy
    return _divide(dy, total)


def _divide(value: Array, total: Array | int) -> Array:
    """value / total; a mean over nothing (no entry, all targets ignored) is NaN, as 0/0."""
    return value / total if total else value * np.nan
