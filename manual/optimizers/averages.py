"""Running averages that several optimisers keep, in torch's order of operations."""

from __future__ import annotations

from manual.layer import Array


def lerp(start: Array, end: Array, weight: float) -> Array:
    """start + weight (end − start), evaluated from the nearer end."""
    new: Array = end - start
    if abs(weight) < 0.5:
        new *= weight
        new += start
        return new
    new *= 1 - weight
    return end - new


def mean_square(old: Array, x: Array, decay: float) -> Array:
    """decay · old + (1 − decay) x²"""
    new = (1 - decay) * x
    new *= x
    new += old * decay
    return new
