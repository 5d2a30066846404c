"""Layers that join several arrays into one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from manual.layer import Array, Grads, Layer, Real, Saved
from manual.piece import consecutive


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
