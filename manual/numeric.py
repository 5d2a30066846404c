"""Small numerical pieces that several layers share; each is written once, for every dtype.

Real functions are continued analytically (by the sign of the real part), so that a complex step
through a layer's `forward` differentiates it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from manual.layer import Array


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), without overflow."""
    if x.dtype.kind in "cO":
        negative = x.real < 0
        tail = np.exp(np.where(negative, x, -x))
        share: Array = np.where(negative, tail, 1) / (1 + tail)
        return share
    return np.asarray(special.expit(x), dtype=x.dtype)


def erf(x: Array) -> Array:
    """The error function; in longdouble it has the accuracy of float64."""
    wide = x if x.dtype.kind == "c" else x.astype(np.float64, copy=False)
    return np.asarray(special.erf(wide), dtype=x.dtype)


def sign(x: Array) -> Array:
    """−1, 0 or 1 by the real part, in x's dtype."""
    return np.asarray(np.sign(x.real), dtype=x.dtype)


def absolute(x: Array) -> Array:
    """|x| for real x; analytic away from 0, as a complex step needs."""
    return np.abs(x) if x.dtype.kind != "c" else x * sign(x)


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum g over the axes along which an array of `shape` was broadcast to g's shape."""
    if g.shape == shape:
        return g
    lead = g.ndim - len(shape)
    stretched = [i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1]
    summed: Array = g.sum(axis=(*range(lead), *stretched), keepdims=True)
    return summed.reshape(shape)


def rows(x: Array) -> Array:
    """x as a matrix: every axis but the last joined into one (also where an axis is empty)."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
