"""Resizing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class UpsampleNearest2d:
    """y[p, q] = x[⌊p H / P⌋, ⌊q W / Q⌋]; F.interpolate with "nearest"."""

    size: tuple[int, int] = (4, 4)

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        rows, columns = (np.arange(m) * n // m for m, n in zip(self.size, x.shape[2:], strict=True))
        return x[:, :, rows[:, None], columns], (rows, columns, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        rows, columns, shape = saved
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), dy)
        return {"x": dx}


@cases(UpsampleNearest2d, rank=(4, 4), empty=False)
def upsample_nearest2d(draw: Any, x: Any) -> Any:
    size = (draw(st.integers(1, 13)), draw(st.integers(1, 13)))
    return spec(UpsampleNearest2d(size), x=real(*x))


@twin.register
def _(layer: UpsampleNearest2d, x: Any) -> Any:
    return F.interpolate(x, layer.size, mode="nearest")


def _between(n: int, m: int, align: bool) -> Any:
    """For each of m places on an axis of n: the two neighbours, and the share of each.

    The places are fractions of integers, so that the shares are exact up to one rounding.
    """
    i = np.arange(m)
    over, under = (i * (n - 1), max(m - 1, 1)) if align else ((2 * i + 1) * n - m, 2 * m)
    over = np.maximum(over, 0)
    first = over // under
    past = over % under
    return first, np.minimum(first + 1, n - 1), (under - past) / under, past / under


@dataclass(frozen=True)
class UpsampleLinear1d:
    """y = (1 − t) x[i] + t x[i + 1] at evenly spread places; F.interpolate with "linear"."""

    size: int = 4
    align_corners: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        first, second, s, t = _between(x.shape[2], self.size, self.align_corners)
        y = x[:, :, first] * s.astype(x.dtype) + x[:, :, second] * t.astype(x.dtype)
        return y, (x.shape,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (shape,) = saved
        first, second, s, t = _between(shape[2], self.size, self.align_corners)
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, (slice(None), slice(None), first), dy * s.astype(dy.dtype))
        np.add.at(dx, (slice(None), slice(None), second), dy * t.astype(dy.dtype))
        return {"x": dx}


@cases(UpsampleLinear1d, rank=(3, 3), empty=False)
def upsample_linear1d(draw: Any, x: Any) -> Any:
    size = draw(st.one_of(st.integers(1, 13), st.sampled_from([127, 500])))
    return spec(UpsampleLinear1d(size, draw(st.booleans())), x=real(*x))


@twin.register
def _(layer: UpsampleLinear1d, x: Any) -> Any:
    return F.interpolate(x, layer.size, mode="linear", align_corners=layer.align_corners)


@dataclass(frozen=True)
class UpsampleBilinear2d:
    """Linear between rows, then between columns; F.interpolate with "bilinear"."""

    size: tuple[int, int] = (4, 4)
    align_corners: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        above, below, s, t = _between(x.shape[2], self.size[0], self.align_corners)
        left, right, r, u = _between(x.shape[3], self.size[1], self.align_corners)
        a, b = s.astype(x.dtype)[:, None], t.astype(x.dtype)[:, None]
        tall = x[:, :, above] * a + x[:, :, below] * b
        y = tall[..., left] * r.astype(x.dtype) + tall[..., right] * u.astype(x.dtype)
        return y, (x.shape,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (shape,) = saved
        above, below, s, t = _between(shape[2], self.size[0], self.align_corners)
        left, right, r, u = _between(shape[3], self.size[1], self.align_corners)
        dx = np.zeros(shape, dy.dtype)
        for rows, share in ((above, s), (below, t)):
            for columns, part in ((left, r), (right, u)):
                weight = (share[:, None] * part).astype(dy.dtype)
                np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), dy * weight)
        return {"x": dx}


@cases(UpsampleBilinear2d, rank=(4, 4), empty=False)
def upsample_bilinear2d(draw: Any, x: Any) -> Any:
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    return spec(UpsampleBilinear2d(size, draw(st.booleans())), x=real(*x))


@twin.register
def _(layer: UpsampleBilinear2d, x: Any) -> Any:
    return F.interpolate(x, layer.size, mode="bilinear", align_corners=layer.align_corners)


@dataclass(frozen=True)
class UpsampleTrilinear3d:
    """Linear along three axes, one after the other; F.interpolate with "trilinear"."""

    size: tuple[int, int, int] = (3, 3, 3)
    align_corners: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        y = x
        for axis, m in zip((2, 3, 4), self.size, strict=True):
            first, second, s, t = _between(x.shape[axis], m, self.align_corners)
            s, t = (part.reshape((-1,) + (1,) * (4 - axis)).astype(x.dtype) for part in (s, t))
            low, high = np.take(y, first, axis), np.take(y, second, axis)
            y = low * s + high * t
        return y, (x.shape,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (shape,) = saved
        g = dy
        for axis, m in zip((4, 3, 2), self.size[::-1], strict=True):
            first, second, s, t = _between(shape[axis], m, self.align_corners)
            wide = np.moveaxis(g, axis, -1)
            narrow = np.zeros((*wide.shape[:-1], shape[axis]), dy.dtype)
            np.add.at(narrow, (..., first), wide * s.astype(dy.dtype))
            np.add.at(narrow, (..., second), wide * t.astype(dy.dtype))
            g = np.moveaxis(narrow, -1, axis)
        return {"x": g}


@cases(UpsampleTrilinear3d, rank=(5, 5), empty=False)
def upsample_trilinear3d(draw: Any, x: Any) -> Any:
    size = tuple(draw(st.integers(1, 5)) for _ in range(3))
    return spec(UpsampleTrilinear3d(size, draw(st.booleans())), x=real(*x))


@twin.register
def _(layer: UpsampleTrilinear3d, x: Any) -> Any:
    return F.interpolate(x, layer.size, mode="trilinear", align_corners=layer.align_corners)


def _cubic(s: Any, t: Any) -> Any:
    """Keys' weights, A = −3/4, of the neighbours at distances 1 + t, t, s = 1 − t and 1 + s.

    The outer ones in factors: A (d − 1) (d − 2)² for a distance d.
    """
    a = -0.75
    near = [1 - d * d * ((a + 3) - (a + 2) * d) for d in (t, s)]
    return a * t * s * s, *near, a * s * t * t


@dataclass(frozen=True)
class UpsampleBicubic2d:
    """Cubic convolution, border repeated; F.interpolate with "bicubic"."""

    size: tuple[int, int] = (4, 4)
    align_corners: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        high = self._matrix(x.shape[2], self.size[0]).astype(x.dtype)
        wide = self._matrix(x.shape[3], self.size[1]).astype(x.dtype)
        return high @ x @ wide.T, (high, wide)

    def backward(self, saved: Any, dy: Any) -> Any:
        high, wide = saved
        return {"x": high.T @ dy @ wide}

    def _matrix(self, n: int, m: int) -> Any:
        """The weight of each of n numbers in each of m places."""
        i = np.arange(m)
        over, under = (2 * i + 1) * n - m, 2 * m
        if self.align_corners:
            over, under = i * (n - 1), max(m - 1, 1)
        matrix = np.zeros((m, n))
        past = over % under
        for k, weight in enumerate(_cubic((under - past) / under, past / under)):
            np.add.at(matrix, (i, np.clip(over // under + k - 1, 0, n - 1)), weight)
        return matrix


@cases(UpsampleBicubic2d, rank=(4, 4), empty=False)
def upsample_bicubic2d(draw: Any, x: Any) -> Any:
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    return spec(UpsampleBicubic2d(size, draw(st.booleans())), x=real(*x))


@twin.register
def _(layer: UpsampleBicubic2d, x: Any) -> Any:
    return F.interpolate(x, layer.size, mode="bicubic", align_corners=layer.align_corners)


BUGS = bugs(__name__, {
    "UpsampleNearest2d.backward": [
        ("overwritten", "np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), dy)",
         "dx[:, :, rows[:, None], columns] = dy", "x", "copies of a pixel overwrite each other"),
        ("fancy-add", "np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), dy)",
         "dx[:, :, rows[:, None], columns] += dy", "x", "+= counts repeated indices once"),
        ("rounded", ", shape = saved", ", shape = saved; rows = np.minimum(rows + 1, shape[2] - 1)",
         "x", "off by one: rounded up in backward, down in forward"),
    ],
    "UpsampleLinear1d.backward": [
        ("weights-swapped", ", dy * s.astype", ", dy * t.astype",
         "x", "both neighbours get the share of the second"),
        ("align", "_between(shape[2], self.size, self.align_corners)",
         "_between(shape[2], self.size, False)", "x", "align_corners is forgotten in backward"),
        ("fancy-add", "np.add.at(dx, (slice(None), slice(None), second), dy * t.astype(dy.dtype))",
         "dx[:, :, second] += dy * t.astype(dy.dtype)", "x", "+= counts repeated indices once"),
    ],
    "UpsampleBilinear2d.backward": [
        ("align", ", self.size[0], self.align_corners", ", self.size[0], not self.align_corners",
         "x", "align_corners is taken the other way round for the rows"),
        ("weights-swapped", "((above, s), (below, t))", "((above, t), (below, s))",
         "x", "the shares of the rows are swapped"),
        ("second-lost", "((left, r), (right, u))", "((left, r),)",
         "x", "the right neighbour gets nothing"),
    ],
    "UpsampleTrilinear3d.backward": [
        ("align", "shape[axis], m, self.align_corners", "shape[axis], m, not self.align_corners",
         "x", "align_corners is taken the other way round"),
        ("share", "wide * t.astype(dy.dtype)", "wide * s.astype(dy.dtype)",
         "x", "the second neighbour gets the share of the first"),
        ("fancy-add", "np.add.at(narrow, (..., first), wide * s.astype(dy.dtype))",
         "narrow[..., first] += wide * s.astype(dy.dtype)", "x", "+= counts repeated indices once"),
    ],
    "UpsampleBicubic2d.backward": [
        ("normalised", "high.T @ dy", "(high.T / np.maximum(high.sum(axis=0), 1)[:, None]) @ dy",
         "x", "the weights of each input are normalised in backward"),
        ("pseudo-inverse", "high.T @ dy @ wide", "np.linalg.pinv(high) @ dy @ wide",
         "x", "the inverse instead of the transpose"),
        ("border", "= saved", "= saved; high = np.where(high < 0, np.zeros_like(high), high)",
         "x", "the negative weights of the outer neighbours are left out"),
    ],
})  # fmt: skip
