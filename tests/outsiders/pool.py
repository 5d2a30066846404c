"""Pooling and its reverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import permutation, positive, real, spec
from tests.outsiders.common import bugs, cases, fits_ceil, pick, taps, twin


@dataclass(frozen=True)
class MaxPool2d:
    """The greatest of each window, the first of equal ones; F.max_pool2d."""

    kernel: int = 2
    stride: int = 2
    padding: int = 0
    dilation: int = 1
    ceil_mode: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        k, s, p, d = self.kernel, self.stride, self.padding, self.dilation
        high, wide = (fits_ceil(m, k, s, p, self.ceil_mode, d) for m in (h, w))
        rows = s * np.arange(high)[:, None] + d * np.arange(k)
        columns = s * np.arange(wide)[:, None] + d * np.arange(k)
        shape = (n, c, max(h + 2 * p, rows.max() + 1), max(w + 2 * p, columns.max() + 1))
        padded = np.full(shape, -np.inf, x.dtype)
        padded[:, :, p : p + h, p : p + w] = x
        windows = padded[:, :, rows[:, None, :, None], columns[:, None, :]]
        windows = windows.reshape(n, c, high, wide, k * k)
        best = windows.argmax(axis=-1)
        y = np.take_along_axis(windows, best[..., None], axis=-1)[..., 0]
        row = s * np.arange(high)[:, None] + d * (best // k) - p
        column = s * np.arange(wide) + d * (best % k) - p
        return y, (row, column, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        row, column, (n, c, h, w) = saved
        dx = np.zeros((n, c, h, w), dy.dtype)
        example, channel = np.ogrid[:n, :c]
        np.add.at(dx, (example[..., None, None], channel[..., None, None], row, column), dy)
        return {"x": dx}


@cases(MaxPool2d, rank=(4, 4), empty=False)
def max_pool2d(draw: Any, x: Any) -> Any:
    least = min(x[2:])
    k = draw(st.integers(1, min(3, least)))
    p = draw(st.integers(0, k // 2))
    d = pick(draw, 1, 2)
    if d > least or d * (k - 1) + 1 > least + 2 * p:
        d = 1
    return spec(MaxPool2d(k, pick(draw, 1, 2, 3), p, d, draw(st.booleans())), x=real(*x))


@twin.register
def _(layer: MaxPool2d, x: Any) -> Any:
    k, s, p, d = layer.kernel, layer.stride, layer.padding, layer.dilation
    return F.max_pool2d(x, k, s, p, d, layer.ceil_mode)


@dataclass(frozen=True)
class AvgPool2d:
    """The mean of each window; with or without the zeros around x counted; F.avg_pool2d."""

    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int] = (0, 0)
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        (high, wide), divisor = self._windows(x.shape)
        (kh, kw), (sh, sw), (ph, pw) = self.kernel, self.stride, self.padding
        n, c, h, w = x.shape
        shape = (max(h + 2 * ph, (high - 1) * sh + kh), max(w + 2 * pw, (wide - 1) * sw + kw))
        padded = np.zeros((n, c, *shape), x.dtype)
        padded[:, :, ph : ph + h, pw : pw + w] = x
        total = np.zeros((n, c, high, wide), x.dtype)
        for i, j in np.ndindex(kh, kw):
            total += padded[:, :, taps(i, sh, high), taps(j, sw, wide)]
        return total / divisor.astype(x.dtype), (x.shape, padded.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        (n, c, h, w), shape = saved
        (kh, kw), (sh, sw), (ph, pw) = self.kernel, self.stride, self.padding
        (high, wide), divisor = self._windows((n, c, h, w))
        share = dy / divisor.astype(dy.dtype)
        dpadded = np.zeros(shape, dy.dtype)
        for i, j in np.ndindex(kh, kw):
            dpadded[:, :, taps(i, sh, high), taps(j, sw, wide)] += share
        return {"x": dpadded[:, :, ph : ph + h, pw : pw + w].copy()}

    def _windows(self, shape: Any) -> Any:
        """How many windows there are, and by what each is divided."""
        counts, sizes = [], []
        for n, k, s, p in zip(shape[2:], self.kernel, self.stride, self.padding, strict=True):
            count = fits_ceil(n, k, s, p, self.ceil_mode)
            start = s * np.arange(count) - p
            end = np.minimum(start + k, n + p)
            if not self.count_include_pad:
                start, end = np.maximum(start, 0), np.minimum(end, n)
            counts.append(count)
            sizes.append(end - start)
        divisor = sizes[0][:, None] * sizes[1]
        return counts, divisor if self.divisor_override is None else np.array(self.divisor_override)


@cases(AvgPool2d, rank=(4, 4), empty=False)
def avg_pool2d(draw: Any, x: Any) -> Any:
    k = tuple(draw(st.integers(1, min(3, n))) for n in x[2:])
    p = tuple(draw(st.integers(0, m // 2)) for m in k)
    s = (pick(draw, 1, 2, 3), pick(draw, 1, 2, 3))
    flags = draw(st.booleans()), draw(st.booleans())
    return spec(AvgPool2d(k, s, p, *flags, pick(draw, None, None, None, 5)), x=real(*x))


@twin.register
def _(layer: AvgPool2d, x: Any) -> Any:
    flags = layer.ceil_mode, layer.count_include_pad, layer.divisor_override
    return F.avg_pool2d(x, layer.kernel, layer.stride, layer.padding, *flags)


@dataclass(frozen=True)
class AdaptiveAvgPool1d:
    """Means of `size` windows, from ⌊i L / size⌋ to ⌈(i + 1) L / size⌉; F.adaptive_avg_pool1d."""

    size: int = 2

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        means = [x[:, :, a:b].sum(axis=2) / (b - a) for a, b in self._windows(x.shape[2])]
        return np.stack(means, axis=2), (x.shape,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (shape,) = saved
        dx = np.zeros(shape, dy.dtype)
        for i, (a, b) in enumerate(self._windows(shape[2])):
            dx[:, :, a:b] += dy[:, :, i : i + 1] / (b - a)
        return {"x": dx}

    def _windows(self, n: int) -> Any:
        return [(i * n // self.size, -(-(i + 1) * n // self.size)) for i in range(self.size)]


@cases(AdaptiveAvgPool1d, rank=(3, 3), empty=False)
def adaptive_avg_pool1d(draw: Any, x: Any) -> Any:
    return spec(AdaptiveAvgPool1d(draw(st.integers(1, 7))), x=real(*x))


@twin.register
def _(layer: AdaptiveAvgPool1d, x: Any) -> Any:
    return F.adaptive_avg_pool1d(x, layer.size)


@dataclass(frozen=True)
class AdaptiveMaxPool1d:
    """The greatest of each of `size` windows, the first of equal ones; F.adaptive_max_pool1d."""

    size: int = 2

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        n, size = x.shape[2], self.size
        windows = [(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]
        best = np.stack([a + x[:, :, a:b].argmax(axis=2) for a, b in windows], axis=2)
        return np.take_along_axis(x, best, axis=2), (best, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        best, shape = saved
        dx = np.zeros(shape, dy.dtype)
        example, channel, _ = np.ogrid[: shape[0], : shape[1], :1]
        np.add.at(dx, (example, channel, best), dy)
        return {"x": dx}


@cases(AdaptiveMaxPool1d, rank=(3, 3), empty=False)
def adaptive_max_pool1d(draw: Any, x: Any) -> Any:
    return spec(AdaptiveMaxPool1d(draw(st.integers(1, 7))), x=real(*x))


@twin.register
def _(layer: AdaptiveMaxPool1d, x: Any) -> Any:
    return F.adaptive_max_pool1d(x, layer.size)


@dataclass(frozen=True)
class LPPool1d:
    """y = (Σ xᵖ)^(1/p) over each window, a cut one as if it were full; F.lp_pool1d.

    The window's largest number is taken out of the powers, so that none of them under- or
    overflows. A window of zeros has a gradient of zero, as PyTorch's document says.
    """

    p: float = 2
    kernel: int = 2
    stride: int = 2
    ceil_mode: bool = False

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        k, s, length = self.kernel, self.stride, x.shape[2]
        m = fits_ceil(length, k, s, 0, self.ceil_mode)
        padded = np.zeros((*x.shape[:2], max(length, (m - 1) * s + k)), x.dtype)
        padded[:, :, :length] = x
        at = s * np.arange(m)[:, None] + np.arange(k)
        windows = padded[:, :, at]
        factor = (k / np.minimum(k, length - at[:, 0])).astype(x.dtype)
        top = np.abs(windows).max(axis=3)
        top = np.where(top == 0, np.ones_like(top), top)
        total = ((windows / top[..., None]) ** self.p).sum(axis=3) * factor
        y = top * total ** (1 / self.p)
        return y, (windows, y, factor, at, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        windows, y, factor, at, shape = saved
        scale = np.where(y == 0, np.ones_like(y), y)[..., None]
        slope = (windows / scale) ** (self.p - 1)
        slope = np.where(y[..., None] == 0, np.zeros_like(slope), slope)
        dwindows = (dy * factor)[..., None] * slope
        dpadded = np.zeros((*shape[:2], max(shape[2], at.max() + 1)), dy.dtype)
        for j in range(self.kernel):
            dpadded[:, :, at[:, j]] += dwindows[..., j]
        return {"x": dpadded[:, :, : shape[2]].copy()}


@cases(LPPool1d, rank=(3, 3), empty=False)
def lp_pool1d(draw: Any, x: Any) -> Any:
    k = draw(st.integers(1, min(4, x[2])))
    p = pick(draw, 2.0, 4.0, 3.0, 1.5)
    arrays = real(*x) if p in {2.0, 4.0} else positive(*x)
    return spec(LPPool1d(p, k, pick(draw, 1, 2, 3), draw(st.booleans())), x=arrays)


@twin.register
def _(layer: LPPool1d, x: Any) -> Any:
    return F.lp_pool1d(x, layer.p, layer.kernel, layer.stride, layer.ceil_mode)


@dataclass(frozen=True)
class MaxUnpool2d:
    """Each number goes to the place that `order` names, all others are 0; F.max_unpool2d.

    `order` permutes the places of the output; its first numbers are the indices of x.
    """

    times: int = 2

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real", "order": "index"}

    def forward(self, x: Any, order: Any) -> Any:
        n, c, h, w = x.shape
        at = order[:, :, : h * w]
        y = np.zeros((n, c, h * w * self.times**2), x.dtype)
        np.put_along_axis(y, at, x.reshape(n, c, h * w), axis=2)
        return y.reshape(n, c, h * self.times, w * self.times), (at, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        at, shape = saved
        flat = dy.reshape(*shape[:2], -1)
        return {"x": np.take_along_axis(flat, at, axis=2).reshape(shape)}


@cases(MaxUnpool2d, rank=(4, 4), empty=False)
def max_unpool2d(draw: Any, x: Any) -> Any:
    k = pick(draw, 1, 2, 3)
    return spec(MaxUnpool2d(k), x=real(*x), order=permutation(*x[:2], x[2] * x[3] * k * k))


@twin.register
def _(layer: MaxUnpool2d, x: Any, order: Any) -> Any:
    at = order[:, :, : x.shape[2] * x.shape[3]].reshape(x.shape)
    return F.max_unpool2d(x, at, layer.times)


BUGS = bugs(__name__, {
    "MaxPool2d.backward": [
        ("overlap",
         "np.add.at(dx, (example[..., None, None], channel[..., None, None], row, column), dy)",
         "dx[example[..., None, None], channel[..., None, None], row, column] = dy", "x",
         "one number may be the greatest of several windows"),
        ("fancy-add",
         "np.add.at(dx, (example[..., None, None], channel[..., None, None], row, column), dy)",
         "dx[example[..., None, None], channel[..., None, None], row, column] += dy", "x",
         "+= with repeated indices counts each once"),
        ("column", "row, column), dy)", "row, column[:, :, :, ::-1]), dy)",
         "x", "columns are put back in reversed order"),
        ("mask", "row, column), dy)", "row, column), np.sign(dy))",
         "x", "only the sign of the cotangent goes back"),
    ],
    "AvgPool2d.backward": [
        ("overlap", "taps(j, sw, wide)] += share", "taps(j, sw, wide)] = share",
         "x", "windows overlap, so that = loses all but the last"),
        ("always-kernel", "dy / divisor.astype(dy.dtype)", "dy / (kh * kw)",
         "x", "the size of the kernel instead of the divisor of forward"),
        ("padding", "dpadded[:, :, ph : ph + h, pw : pw + w]", "dpadded[:, :, :h, :w]",
         "x", "the padding is cut off at the end alone"),
        ("not-divided", "= dy / divisor.astype(dy.dtype)", "= dy + 0 * divisor.astype(dy.dtype)",
         "x", "the division of forward is forgotten in backward"),
    ],
    "AdaptiveAvgPool1d.backward": [
        ("overlap", "dx[:, :, a:b] += dy", "dx[:, :, a:b] = dy",
         "x", "adaptive windows overlap, so that = loses one"),
        ("even", "/ (b - a)", "/ (shape[2] / self.size)",
         "x", "windows are taken for equally long"),
        ("edge", "dx[:, :, a:b] +=", "dx[:, :, a : max(b - 1, a + 1)] +=",
         "x", "the last number of each window is left out"),
    ],
    "AdaptiveMaxPool1d.backward": [
        ("overlap", "np.add.at(dx, (example, channel, best), dy)",
         "np.put_along_axis(dx, best, dy, axis=2)", "x", "= for +=: windows overlap"),
        ("fancy-add", "np.add.at(dx, (example, channel, best), dy)",
         "dx[example, channel, best] += dy", "x", "+= with repeated indices counts each once"),
        ("no-start", ", best", ", best - np.arange(self.size) * shape[2] // self.size",
         "x", "the place within the window, without the window's start"),
    ],
    "LPPool1d.backward": [
        ("power", "** (self.p - 1)", "** self.p", "x", "the power of forward, not one less"),
        ("sign", "(windows / scale) **", "np.abs(windows / scale) **",
         "x", "the sign of x is lost, as if p were odd"),
        ("cut-window", "(dy * factor)[..., None]", "dy[..., None]",
         "x", "the factor of a window that ceil_mode cuts is forgotten"),
        ("overlap", "dpadded[:, :, at[:, j]] += dwindows", "dpadded[:, :, at[:, j]] = dwindows",
         "x", "windows overlap, so that = loses all but the last"),
    ],
    "MaxUnpool2d.backward": [
        ("scatter", "np.take_along_axis(flat, at, axis=2)", "flat[:, :, : at.shape[2]]",
         "x", "the first places instead of the ones that the indices name"),
        ("inverse", "(flat, at, axis=2)", "(flat, at.argsort(axis=2), axis=2)",
         "x", "the inverse permutation in backward"),
        ("one-channel", "np.take_along_axis(flat, at, axis=2)", "flat[:, :, at[0, 0]]",
         "x", "the indices of the first channel for all"),
    ],
})  # fmt: skip
