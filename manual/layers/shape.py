"""Layers that change the shape, take parts, or put parts together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

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


@dataclass(frozen=True)
class Slice(Layer):
    """y = x[…, start:end:step, …] on the axis dim

    Shapes    x (…, N, …) → y (…, M, …), M the entries that Python's slice picks from N
    Backward  dx = dy at the entries picked, 0 at the others
    Source    torch.Tensor's indexing
    Raises    ValueError for a step below 1 or a dim that is not an axis of x
    """

    dim: int = 0
    start: int | None = None
    end: int | None = None
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1:
            raise ValueError(f"step must be 1 or more, not {self.step}")

    def forward(self, x: Real) -> tuple[Array, Saved]:
        lead = (slice(None),) * normalize_axis_index(self.dim, x.ndim)
        picked = (*lead, slice(self.start, self.end, self.step))
        return x[picked], (x.shape, picked)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        shape, picked = saved
        dx = np.zeros(shape, dy.dtype)
        dx[picked] = dy
        return {"x": dx}


@dataclass(frozen=True)
class Split(Layer):
    """y0, y1, … = consecutive pieces of x along the axis dim

    A number asks for pieces of that length, the last one shorter if need be; a tuple lists every
    piece's length.

    Shapes    x (…, N, …) → yi (…, Nᵢ, …), N₀ + N₁ + … = N
    Backward  dx = dy0, dy1, … one after the other; 0 for a piece that no cotangent arrived at
    Source    torch.split
    Raises    ValueError for lengths below 0 or that do not sum to N, or a dim that is not in x
    """

    split_size_or_sections: int | tuple[int, ...]
    dim: int = 0

    def __post_init__(self) -> None:
        asked = self.split_size_or_sections
        if min((asked,) if isinstance(asked, int) else asked, default=0) < 0:
            raise ValueError(f"split_size_or_sections must not be below 0, as in {asked}")

    def forward(self, x: Real) -> tuple[tuple[Array, ...], Saved]:
        dim = normalize_axis_index(self.dim, x.ndim)
        pieces = consecutive(self._lengths(x.shape[dim]), dim)
        return tuple(x[piece] for piece in pieces), (x.shape, x.dtype, pieces)

    def backward(self, saved: Saved, dy: tuple[Array | None, ...]) -> Grads:
        shape, dtype, pieces = saved
        dx = np.zeros(shape, dtype)
        for piece, part in zip(pieces, dy, strict=True):
            if part is not None:
                dx[piece] = part
        return {"x": dx}

    def _lengths(self, total: int) -> tuple[int, ...]:
        asked = self.split_size_or_sections
        if not isinstance(asked, int):
            if sum(asked) != total:
                raise ValueError(f"the lengths {asked} do not sum to the axis's {total}")
            return asked
        if total == 0:
            return (0,)
        if asked == 0:
            raise ValueError(f"pieces of length 0 cannot make up an axis of {total}")
        return tuple(min(asked, total - begin) for begin in range(0, total, asked))


def consecutive(lengths: tuple[int, ...], dim: int) -> list[tuple[slice, ...]]:
    """The indices of pieces of these lengths, one after the other along the axis dim ≥ 0."""
    lead = (slice(None),) * dim
    ends = accumulate(lengths)
    return [(*lead, slice(end - n, end)) for n, end in zip(lengths, ends, strict=True)]


@dataclass(frozen=True)
class Concatenate(Layer):
    """y = x0, x1, … one after the other along the axis dim

    Shapes    xi (…, Nᵢ, …) with the other axes alike → y (…, N₀ + N₁ + …, …)
    Backward  dxi = the stretch of dy that xi went to
    Source    torch.cat
    Raises    ValueError for no array, 0-d arrays or other axes that differ
    """

    dim: int = 0

    def forward(self, *x: Real) -> tuple[Array, Saved]:
        return np.concatenate(x, axis=self.dim), (tuple(part.shape[self.dim] for part in x),)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (lengths,) = saved
        pieces = consecutive(lengths, normalize_axis_index(self.dim, dy.ndim))
        return {f"x{i}": dy[piece] for i, piece in enumerate(pieces)}


@dataclass(frozen=True)
class Stack(Layer):
    """y = x0, x1, … side by side along a new axis dim

    Shapes    xi (…), n of them, all alike → y (…, n, …)
    Backward  dxi = entry i of dy along dim
    Source    torch.stack
    Raises    ValueError for no array or shapes that differ
    """

    dim: int = 0

    def forward(self, *x: Real) -> tuple[Array, Saved]:
        return np.stack(x, axis=self.dim), ()

    def backward(self, saved: Saved, dy: Array) -> Grads:
        () = saved
        along = np.moveaxis(dy, self.dim, 0)
        return {f"x{i}": along[i, ...] for i in range(len(along))}
