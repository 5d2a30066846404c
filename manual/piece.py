"""Layers that take an array apart; what they hand out are views."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from manual.layer import Array, Grads, Layer, Real, Saved


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
