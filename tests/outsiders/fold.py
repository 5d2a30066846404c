"""Windows as columns, and columns added up to windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, fits, pick, taps, twin


def _folding(draw: Any, h: int, w: int) -> Any:
    """Kernel, stride, padding and dilation that fit an image."""
    p, d = pick(draw, 0, 1), pick(draw, 1, 2)
    k = [(pick(draw, 1, 2, 3), n) for n in (h, w)]
    k = [m if d * (m - 1) + 1 <= n + 2 * p else 1 for m, n in k]
    return tuple(k), pick(draw, 1, 2, 3), p, d


@dataclass(frozen=True)
class Unfold:
    """The windows of x as columns: (N, C, H, W) → (N, C·kh·kw, windows); F.unfold."""

    kernel: tuple[int, int] = (2, 2)
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        (kh, kw), s, p, d = self.kernel, self.stride, self.padding, self.dilation
        high, wide = fits(h, kh, s, p, d), fits(w, kw, s, p, d)
        padded = np.zeros((n, c, h + 2 * p, w + 2 * p), x.dtype)
        padded[:, :, p : p + h, p : p + w] = x
        y = np.zeros((n, c, kh, kw, high, wide), x.dtype)
        for i, j in np.ndindex(kh, kw):
            y[:, :, i, j] = padded[:, :, taps(i * d, s, high), taps(j * d, s, wide)]
        return y.reshape(n, c * kh * kw, high * wide), (x.shape, high, wide)

    def backward(self, saved: Any, dy: Any) -> Any:
        (n, c, h, w), high, wide = saved
        (kh, kw), s, p, d = self.kernel, self.stride, self.padding, self.dilation
        g = dy.reshape(n, c, kh, kw, high, wide)
        dpadded = np.zeros((n, c, h + 2 * p, w + 2 * p), dy.dtype)
        for i, j in np.ndindex(kh, kw):
            dpadded[:, :, taps(i * d, s, high), taps(j * d, s, wide)] += g[:, :, i, j]
        return {"x": dpadded[:, :, p : p + h, p : p + w].copy()}


@cases(Unfold, rank=(4, 4), empty=False)
def unfold(draw: Any, x: Any) -> Any:
    return spec(Unfold(*_folding(draw, *x[2:])), x=real(*x))


@twin.register
def _(layer: Unfold, x: Any) -> Any:
    return F.unfold(x, layer.kernel, layer.dilation, layer.padding, layer.stride)


@dataclass(frozen=True)
class Fold:
    """Columns added up where windows overlap: (N, C·kh·kw, windows) → (N, C, H, W); F.fold."""

    size: tuple[int, int] = (3, 3)
    kernel: tuple[int, int] = (2, 2)
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        (h, w), (kh, kw) = self.size, self.kernel
        s, p, d = self.stride, self.padding, self.dilation
        high, wide = fits(h, kh, s, p, d), fits(w, kw, s, p, d)
        parts = x.reshape(x.shape[0], -1, kh, kw, high, wide)
        padded = np.zeros((*parts.shape[:2], h + 2 * p, w + 2 * p), x.dtype)
        for i, j in np.ndindex(kh, kw):
            padded[:, :, taps(i * d, s, high), taps(j * d, s, wide)] += parts[:, :, i, j]
        return padded[:, :, p : p + h, p : p + w].copy(), (x.shape, parts.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        shape, (n, c, kh, kw, high, wide) = saved
        (h, w), s, p, d = self.size, self.stride, self.padding, self.dilation
        dpadded = np.zeros((n, c, h + 2 * p, w + 2 * p), dy.dtype)
        dpadded[:, :, p : p + h, p : p + w] = dy
        dparts = np.zeros((n, c, kh, kw, high, wide), dy.dtype)
        for i, j in np.ndindex(kh, kw):
            dparts[:, :, i, j] = dpadded[:, :, taps(i * d, s, high), taps(j * d, s, wide)]
        return {"x": dparts.reshape(shape)}


@cases(Fold, rank=(4, 4), empty=False)
def fold(draw: Any, x: Any) -> Any:
    n, c, h, w = x
    (kh, kw), s, p, d = _folding(draw, h, w)
    windows = fits(h, kh, s, p, d) * fits(w, kw, s, p, d)
    return spec(Fold((h, w), (kh, kw), s, p, d), x=real(n, c * kh * kw, windows))


@twin.register
def _(layer: Fold, x: Any) -> Any:
    return F.fold(x, layer.size, layer.kernel, layer.dilation, layer.padding, layer.stride)


BUGS = bugs(__name__, {
    "Unfold.backward": [
        ("overlap", "taps(j * d, s, wide)] += g", "taps(j * d, s, wide)] = g",
         "x", "windows overlap, so that = loses all but the last"),
        ("dilation", "taps(i * d, s, high), taps(j * d, s, wide)",
         "taps(i, s, high), taps(j, s, wide)", "x", "dilation is forgotten in backward"),
        ("order", ", c, kh, kw, high, wide", ", kh, kw, c, high, wide).transpose(0, 3, 1, 2, 4, 5",
         "x", "channels taken for the fastest of the rows of columns"),
        ("average", "[:, :, p : p + h, p : p + w].copy(", "[:, :, p : p + h, p : p + w] / (kh * kw",
         "x", "overlaps averaged, as for a reconstruction"),
    ],
    "Fold.backward": [
        ("padding", "dpadded[:, :, p : p + h, p : p + w] = dy", "dpadded[:, :, :h, :w] = dy",
         "x", "the padding is only at the end"),
        ("order", "dparts[:, :, i, j] = dpadded", "dparts[:, :, i, kw - 1 - j] = dpadded",
         "x", "the places of the kernel in the reversed order"),
        ("stride", "taps(i * d, s, high), taps(j * d, s, wide)",
         "taps(i * d, 1, high), taps(j * d, 1, wide)", "x", "the stride is forgotten in backward"),
    ],
})  # fmt: skip
