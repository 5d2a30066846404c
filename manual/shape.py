"""Layers that move entries to another shape without computing: y is a view of x wherever it can be.

Each is a permutation of entries, so its backward is the inverse permutation of dy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from manual.layer import Array, Grads, Layer, Real, Saved


@dataclass(frozen=True)
class Identity(Layer):
    """y = x

    Shapes    x (…) → y (…)
    Backward  dx = dy
    Source    torch.nn.Identity
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return x, ()

    def backward(self, saved: Saved, dy: Array) -> Grads:
        () = saved
        return {"x": dy}


@dataclass(frozen=True)
class Flatten(Layer):
    """y = x with the axes from start_dim to end_dim, both included, joined into one

    Shapes    x (…, A, …, B, …) → y (…, A⋯B, …); a 0-d x has one entry → y (1,)
    Backward  dx = dy in x's shape
    Source    torch.nn.Flatten
    Raises    ValueError when end_dim comes before start_dim or either is not an axis of x
    """

    start_dim: int = 1
    end_dim: int = -1

    def forward(self, x: Real) -> tuple[Array, Saved]:
        rank = max(x.ndim, 1)
        start = normalize_axis_index(self.start_dim, rank)
        stop = normalize_axis_index(self.end_dim, rank) + 1
        if stop <= start:
            raise ValueError(f"end_dim {self.end_dim} comes before start_dim {self.start_dim}")
        joined = math.prod(x.shape[start:stop])
        return x.reshape(*x.shape[:start], joined, *x.shape[stop:]), (x.shape,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (shape,) = saved
        return {"x": dy.reshape(shape)}


@dataclass(frozen=True)
class Unflatten(Layer):
    """y = x with the axis dim split into axes of the lengths unflattened_size

    Shapes    x (…, N, …) → y (…, *unflattened_size, …), whose product is N; one length may be −1
    Backward  dx = dy in x's shape
    Source    torch.nn.Unflatten
    Raises    ValueError for lengths that are none or do not multiply to N, or a dim not in x
    """

    dim: int
    unflattened_size: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.unflattened_size:
            raise ValueError("unflattened_size must name at least one length")
        _check_lengths(self.unflattened_size)

    def forward(self, x: Real) -> tuple[Array, Saved]:
        dim = normalize_axis_index(self.dim, x.ndim)
        sizes = _complete(self.unflattened_size, x.shape[dim])
        return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :]), (x.shape,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (shape,) = saved
        return {"x": dy.reshape(shape)}


@dataclass(frozen=True)
class Reshape(Layer):
    """y = the entries of x, row by row, in another shape

    Shapes    x (…) → y shape, with as many entries; one length may be −1
    Backward  dx = dy in x's shape
    Source    torch.reshape
    Raises    ValueError for a shape with another number of entries
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_lengths(self.shape)

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return x.reshape(_complete(self.shape, x.size)), (x.shape,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (shape,) = saved
        return {"x": dy.reshape(shape)}


@dataclass(frozen=True)
class Transpose(Layer):
    """y = x with the axes dim0 and dim1 exchanged

    Shapes    x (…, A, …, B, …) → y (…, B, …, A, …)
    Backward  dx = dy with the same two axes exchanged
    Source    torch.transpose
    Raises    ValueError when dim0 or dim1 is not an axis of x
    """

    dim0: int
    dim1: int

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return np.swapaxes(x, self.dim0, self.dim1), ()

    def backward(self, saved: Saved, dy: Array) -> Grads:
        () = saved
        return {"x": np.swapaxes(dy, self.dim0, self.dim1)}


@dataclass(frozen=True)
class Permute(Layer):
    """y = x with its axes in the order dims: axis i of y is axis dims[i] of x

    Shapes    x (n₀, n₁, …) → y (n_dims[0], n_dims[1], …)
    Backward  dx = dy with its axes in the inverse order
    Source    torch.permute
    Raises    ValueError when dims does not name every axis of x once
    """

    dims: tuple[int, ...]

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return np.transpose(x, self.dims), ()

    def backward(self, saved: Saved, dy: Array) -> Grads:
        () = saved
        inverse = sorted(range(dy.ndim), key=lambda i: self.dims[i] % dy.ndim)
        return {"x": np.transpose(dy, inverse)}


def _check_lengths(sizes: tuple[int, ...]) -> None:
    if min(sizes, default=0) < -1 or sizes.count(-1) > 1:
        raise ValueError(f"lengths must be 0 or more, at most one of them -1, not {sizes}")


def _complete(sizes: tuple[int, ...], count: int) -> tuple[int, ...]:
    """`sizes` with its −1 worked out, so that they multiply to `count`.

    NumPy would work it out from the whole array, which an axis of length 0 elsewhere forbids.
    """
    known = math.prod(n for n in sizes if n != -1)
    missing = count // known if known else -1
    full = tuple(missing if n == -1 else n for n in sizes)
    if -1 in full or math.prod(full) != count:
        raise ValueError(f"{count} entries do not fit the lengths {sizes}")
    return full
