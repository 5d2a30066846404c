"""Sampling at given places, and the places of an affine map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec, uniform
from tests.outsiders.common import bugs, cases, pick, twin


@dataclass(frozen=True)
class GridSample:
    """x between the four pixels around each place of `grid`; F.grid_sample with "bilinear"."""

    padding_mode: str = "zeros"
    align_corners: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real", "grid": "real"}

    def forward(self, x: Any, grid: Any) -> Any:
        n, _, h, w = x.shape
        px, dpx = self._pixel(grid[..., 0], w)
        py, dpy = self._pixel(grid[..., 1], h)
        left, top = np.floor(px).astype(np.int64), np.floor(py).astype(np.int64)
        u, v = (px - left).astype(x.dtype), (py - top).astype(x.dtype)
        last, corners = x.transpose(0, 2, 3, 1), []
        for i, j in np.ndindex(2, 2):
            rows, columns = top + i, left + j
            inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
            at = (np.arange(n)[:, None, None], np.clip(rows, 0, h - 1), np.clip(columns, 0, w - 1))
            corners.append((at, inside[..., None], last[at] * inside[..., None]))
        a, b, c, d = (pixels for _, _, pixels in corners)
        u1, v1 = u[..., None], v[..., None]
        y = (1 - v1) * ((1 - u1) * a + u1 * b) + v1 * ((1 - u1) * c + u1 * d)
        return y.transpose(0, 3, 1, 2).copy(), (corners, u1, v1, dpx, dpy, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        corners, u, v, dpx, dpy, (n, channels, h, w) = saved
        g = dy.transpose(0, 2, 3, 1)
        dx = np.zeros((n, h, w, channels), dy.dtype)
        weights = ((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u)
        for (at, inside, _), weight in zip(corners, weights, strict=True):
            np.add.at(dx, at, g * weight * inside)
        a, b, c, d = (pixels for _, _, pixels in corners)
        du = (g * ((1 - v) * (b - a) + v * (d - c))).sum(axis=-1)
        dv = (g * ((1 - u) * (c - a) + u * (d - b))).sum(axis=-1)
        dgrid = np.stack([du * dpx, dv * dpy], axis=-1)
        return {"x": dx.transpose(0, 3, 1, 2).copy(), "grid": dgrid}

    def _pixel(self, g: Any, n: int) -> Any:
        """The place in pixels, moved into the image if padding_mode says so, and its slope."""
        wide = n - 1 if self.align_corners else n
        low = 0.0 if self.align_corners else -0.5
        place, slope = (g + 1) * (wide / 2) + low, np.full_like(g, wide / 2)
        if self.padding_mode == "reflection":
            if wide == 0:
                return np.zeros_like(g), np.zeros_like(g)
            far = np.abs(place - low)
            sign = np.where(place < low, -1, 1) * np.where(far // wide % 2 == 0, 1, -1)
            rest = far % wide
            place = np.where(far // wide % 2 == 0, rest, wide - rest) + low
            slope = slope * sign.astype(g.dtype)
        if self.padding_mode != "zeros":
            slope = np.where((place > 0) & (place < n - 1), slope, np.zeros_like(slope))
            place = np.clip(place, 0, n - 1)
        return place.astype(g.dtype), slope


@cases(GridSample, rank=(4, 4), empty=False)
def grid_sample(draw: Any, x: Any) -> Any:
    shape = (x[0], draw(st.integers(1, 4)), draw(st.integers(1, 4)), 2)
    grid = pick(draw, uniform(-1.2, 1.2, *shape), uniform(-3.0, 3.0, *shape), real(*shape))
    mode = pick(draw, "zeros", "border", "reflection")
    return spec(GridSample(mode, draw(st.booleans())), x=real(*x), grid=grid)


@twin.register
def _(layer: GridSample, x: Any, grid: Any) -> Any:
    return F.grid_sample(x, grid, "bilinear", layer.padding_mode, layer.align_corners)


@dataclass(frozen=True)
class AffineGrid:
    """y[n,p,q] = theta[n] · (x_q, y_p, 1), places from −1 to 1; F.affine_grid."""

    size: tuple[int, int] = (3, 3)
    align_corners: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"theta": "real"}

    def forward(self, theta: Any) -> Any:
        base = self._base().astype(theta.dtype)
        y = base @ theta.swapaxes(1, 2)
        return y.reshape(theta.shape[0], *self.size, 2), (base,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (base,) = saved
        flat = dy.reshape(dy.shape[0], -1, 2)
        return {"theta": flat.swapaxes(1, 2) @ base}

    def _base(self) -> Any:
        """The places (x, y, 1), one a row, of which x moves fastest."""
        axes = []
        for n in self.size:
            ends = max(n - 1, 1) if self.align_corners else n
            axes.append((2 * np.arange(n) - (n - 1)) / ends)
        rows, columns = np.meshgrid(*axes, indexing="ij")
        return np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)], axis=-1)


@cases(AffineGrid, rank=(3, 3), empty=False)
def affine_grid(draw: Any, x: Any) -> Any:
    return spec(AffineGrid((x[1], x[2]), draw(st.booleans())), theta=real(x[0], 2, 3))


@twin.register
def _(layer: AffineGrid, theta: Any) -> Any:
    return F.affine_grid(theta, [theta.shape[0], 1, *layer.size], layer.align_corners)


BUGS = bugs(__name__, {
    "GridSample.backward": [
        ("pixel-slope", "[du * dpx, dv * dpy]", "[du, dv]",
         "grid", "the slope from −1…1 to pixels is missing"),
        ("swapped", "[du * dpx, dv * dpy]", "[dv * dpy, du * dpx]",
         "grid", "x and y of the grid are swapped"),
        ("mask", "g * weight * inside", "g * weight",
         "x", "pixels outside are clipped to the border and get a gradient"),
        ("overwritten", "np.add.at(dx, at, g * weight * inside)", "dx[at] += g * weight * inside",
         "x", "several places may sample one pixel"),
        ("v-sign", "(1 - u) * (c - a) + u * (d - b)", "(1 - u) * (a - c) + u * (b - d)",
         "grid", "the sign of the vertical difference"),
        ("one-channel", "b - a) + v * (d - c))).sum(axis=-1", "b - a) + v * (d - c))).mean(axis=-1",
         "grid", "a mean over the channels where the sum belongs"),
        ("nearest-weights", "* (1 - u), (1 - v) * u, v * (1 - u), v *",
         "* (1 - u), v * (1 - u), (1 - v) * u, v *", "x", "the weights of two corners are swapped"),
    ],
    "AffineGrid.backward": [
        ("transposed", "flat.swapaxes(1, 2) @ base", "(flat.swapaxes(1, 2) @ base)[:, ::-1]",
         "theta", "the rows for x and y are swapped"),
        ("translation", "(1, 2) @ base", "(1, 2) @ base * np.array([1, 1, 0], dy.dtype)",
         "theta", "the translation gets no gradient"),
        ("shared", "flat.swapaxes(1, 2) @ base",
         "0 * (flat.swapaxes(1, 2) @ base) + (flat.swapaxes(1, 2) @ base).sum(axis=0)", "theta",
         "one theta for the whole batch"),
        ("mean", "flat.swapaxes(1, 2) @ base", "flat.swapaxes(1, 2) @ base / len(base)",
         "theta", "a mean over the places where the sum belongs"),
    ],
})  # fmt: skip
