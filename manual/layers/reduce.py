"""Layers that reduce axes to one value: the axes `dim`, or all of them when `dim` is None or ().

Each reduces with the axes kept at length 1, so that dy spreads over x by broadcasting, and drops
them at the end unless `keepdim`. A gradient is written out in full: a view that repeats dy would
be slower to make, and slower in the products that read it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from manual.layer import Array, Grads, Layer, Real, Saved

Dim: TypeAlias = int | tuple[int, ...] | None


@dataclass(frozen=True)
class Sum(Layer):
    """y = Σ x over the axes dim

    Shapes    x (…) → y x's shape without the axes dim, or with 1 in their place if keepdim
    Backward  dx = dy, the same for every entry summed
    Source    torch.sum
    Raises    ValueError for a dim named twice or that is not an axis of x
    """

    dim: Dim = None
    keepdim: bool = False

    def forward(self, x: Real) -> tuple[Array, Saved]:
        axes = _axes(self.dim, x.ndim)
        y = x.sum(axis=axes, keepdims=True)
        return y if self.keepdim else y.squeeze(axes), (x.shape, y.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        shape, kept = saved
        return {"x": np.full(shape, dy.reshape(kept))}


@dataclass(frozen=True)
class Mean(Layer):
    """y = 1/n Σ x over the axes dim, n the number of entries summed; NaN where there are none

    Shapes    x (…) → y x's shape without the axes dim, or with 1 in their place if keepdim
    Backward  dx = dy / n, the same for every entry summed
    Source    torch.mean
    Raises    ValueError for a dim named twice or that is not an axis of x
    """

    dim: Dim = None
    keepdim: bool = False

    def forward(self, x: Real) -> tuple[Array, Saved]:
        axes = _axes(self.dim, x.ndim)
        n = math.prod(x.shape[i] for i in axes)
        total = x.sum(axis=axes, keepdims=True)
        y = total / n if n else total + math.nan
        return y if self.keepdim else y.squeeze(axes), (x.shape, y.shape, max(n, 1))

    def backward(self, saved: Saved, dy: Array) -> Grads:
        shape, kept, n = saved
        return {"x": np.full(shape, dy.reshape(kept) / n)}


@dataclass(frozen=True)
class Max(Layer):
    """y = max x over the axes dim

    Where several entries tie, each gets an equal share of the gradient, as in torch.amax; or, if
    first_of_ties, the first of them gets all of it, as the values of torch.max(x, dim) do.

    Shapes    x (…) → y x's shape without the axes dim, or with 1 in their place if keepdim
    Backward  dx = dy / n at the n entries that equal y, 0 at the others
    Source    torch.amax; torch.max if first_of_ties
    Raises    ValueError for the maximum of no entries, a dim named twice or that is not an axis
              of x; for first_of_ties with another dim than one number
    """

    dim: Dim = None
    keepdim: bool = False
    first_of_ties: bool = False

    def __post_init__(self) -> None:
        if self.first_of_ties and not isinstance(self.dim, int):
            raise ValueError(f"first_of_ties needs one number as dim, not {self.dim}")

    def forward(self, x: Real) -> tuple[Array, Saved]:
        axes = _axes(self.dim, x.ndim)
        y = x.max(axis=axes, keepdims=True)
        return y if self.keepdim else y.squeeze(axes), (x, y, axes)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, y, axes = saved
        at_max = x == y
        if self.first_of_ties:
            for axis in axes:  # one, or none of a 0-d x
                at_max = at_max & (at_max.cumsum(axis=axis, dtype=np.intp) == 1)
        ties = at_max.sum(axis=axes, keepdims=True, dtype=np.intp)
        share = dy.reshape(y.shape) / ties.astype(dy.dtype)
        return {"x": at_max * share}


@dataclass(frozen=True)
class LogSumExp(Layer):
    """y = log Σ eˣ over the axes dim, computed as m + log Σ eˣ⁻ᵐ with m = max x

    Shapes    x (…) → y x's shape without the axes dim, or with 1 in their place if keepdim
    Backward  dx = dy · eˣ⁻ᵐ / Σ eˣ⁻ᵐ, the softmax of x; NaN in a row of nothing but −∞
    Source    torch.logsumexp
    Raises    ValueError for no dim, a dim named twice or that is not an axis of x
    """

    dim: int | tuple[int, ...]
    keepdim: bool = False

    def __post_init__(self) -> None:
        if self.dim in (None, ()):
            raise ValueError("dim must name at least one axis")

    def forward(self, x: Real) -> tuple[Array, Saved]:
        axes = _axes(self.dim, x.ndim)
        # m stays finite where x does not, so that x − m is never ∞ − ∞.
        most = np.finfo(float if x.dtype.kind == "O" else x.dtype).max
        m = x.real.max(axis=axes, keepdims=True, initial=-most)
        m = np.minimum(m, most)
        e = np.exp(x - m)
        total = e.sum(axis=axes, keepdims=True)
        with np.errstate(divide="ignore"):  # log 0 = −∞ is the answer for a row of −∞
            y = np.log(total) + m
        return y if self.keepdim else y.squeeze(axes), (e, total)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        e, total = saved
        with np.errstate(invalid="ignore"):  # 0/0 in a row of −∞, ∞/∞ at +∞: NaN, as in torch
            softmax = e / total
        return {"x": dy.reshape(total.shape) * softmax}


def _axes(dim: Dim, rank: int) -> tuple[int, ...]:
    """The axes that torch means by `dim`; to it, a 0-d array has one axis that is not there."""
    if dim is None or dim == ():
        return tuple(range(rank))
    return normalize_axis_tuple(dim, max(rank, 1))[:rank]
