"""Convolution: along one axis, of each channel alone, and over an edge that is not zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, fits, padded_index, pick, taps, twin


@dataclass(frozen=True)
class Conv1d:
    """y[n,o,m] = b[o] + Σ w[o,c,k] x̂[n, c, m·stride + k·dilation]; F.conv1d."""

    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real", "weight": "param", "bias": "param"}

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        n, c, length = x.shape
        outs, within, k = weight.shape
        p, g = self.padding, self.groups
        padded = np.zeros((n, c, length + 2 * p), x.dtype)
        padded[:, :, p : p + length] = x
        m = fits(length, k, self.stride, p, self.dilation)
        at = self.stride * np.arange(m)[:, None] + self.dilation * np.arange(k)
        columns = padded[:, :, at].reshape(n, g, within, m, k)
        columns = columns.transpose(1, 2, 4, 0, 3).reshape(g, within * k, n * m)
        w = weight.reshape(g, outs // g, within * k)
        y = (w @ columns).reshape(outs, n, m).swapaxes(0, 1)
        if bias is not None:
            y = y + bias[:, None]
        return y, (columns, w, x.shape, weight.shape, at, bias is not None)

    def backward(self, saved: Any, dy: Any) -> Any:
        columns, w, (n, c, length), (outs, within, k), at, has_bias = saved
        p, g = self.padding, self.groups
        flat = dy.swapaxes(0, 1).reshape(g, outs // g, -1)
        dweight = (flat @ columns.swapaxes(1, 2)).reshape(outs, within, k)
        dcolumns = (w.swapaxes(1, 2) @ flat).reshape(c, k, n, -1)
        dpadded = np.zeros((n, c, length + 2 * p), dy.dtype)
        for j in range(k):
            dpadded[:, :, at[:, j]] += dcolumns[:, j].swapaxes(0, 1)
        grads = {"x": dpadded[:, :, p : p + length].copy(), "weight": dweight}
        if has_bias:
            grads["bias"] = dy.sum(axis=(0, 2))
        return grads


@cases(Conv1d, rank=(3, 3), empty=False)
def conv1d(draw: Any, x: Any) -> Any:
    k, d, p = pick(draw, 1, 2, 3), pick(draw, 1, 2), pick(draw, 0, 1, 2)
    if d * (k - 1) + 1 > x[2] + 2 * p:
        k = 1
    g = draw(st.sampled_from([g for g in (1, 2, 3, x[1]) if x[1] % g == 0]))
    outs = g * draw(st.integers(1, 2))
    arrays = {"x": real(*x), "weight": real(outs, x[1] // g, k)}
    if draw(st.booleans()):
        arrays["bias"] = real(outs)
    return spec(Conv1d(pick(draw, 1, 2, 3), p, d, g), **arrays)


@twin.register
def _(layer: Conv1d, x: Any, weight: Any, bias: Any = None) -> Any:
    return F.conv1d(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)


@dataclass(frozen=True)
class DepthwiseConv2d:
    """Each channel has `times` kernels of its own; F.conv2d with groups = channels."""

    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real", "weight": "param"}

    def forward(self, x: Any, weight: Any) -> Any:
        n, c, h, w = x.shape
        s, p, d = self.stride, self.padding, self.dilation
        outs, _, kh, kw = weight.shape
        high, wide = fits(h, kh, s, p, d), fits(w, kw, s, p, d)
        padded = np.zeros((n, c, 1, h + 2 * p, w + 2 * p), x.dtype)
        padded[:, :, 0, p : p + h, p : p + w] = x
        kernels = weight.reshape(c, outs // c, kh, kw, 1, 1)
        y = np.zeros((n, c, outs // c, high, wide), x.dtype)
        for i, j in np.ndindex(kh, kw):
            y += kernels[:, :, i, j] * padded[..., taps(i * d, s, high), taps(j * d, s, wide)]
        return y.reshape(n, outs, high, wide), (padded, kernels, weight.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        padded, kernels, shape = saved
        p, s, d = self.padding, self.stride, self.dilation
        n, _, high, wide = dy.shape
        c, times, kh, kw = kernels.shape[:4]
        g = dy.reshape(n, c, times, high, wide)
        dpadded, dkernels = np.zeros(padded.shape, dy.dtype), np.zeros(kernels.shape, dy.dtype)
        for i, j in np.ndindex(kh, kw):
            at = (..., taps(i * d, s, high), taps(j * d, s, wide))
            dpadded[at] += (kernels[:, :, i, j] * g).sum(axis=2, keepdims=True)
            dkernels[:, :, i, j, 0, 0] = (padded[at] * g).sum(axis=(0, 3, 4))
        h, w = padded.shape[3] - 2 * p, padded.shape[4] - 2 * p
        dx = dpadded[:, :, 0, p : p + h, p : p + w].copy()
        return {"x": dx, "weight": dkernels.reshape(shape)}


@cases(DepthwiseConv2d, rank=(4, 4), empty=False)
def depthwise_conv2d(draw: Any, x: Any) -> Any:
    p, d, s = pick(draw, 0, 1), pick(draw, 1, 2), pick(draw, 1, 2, 3)
    k = [pick(draw, 1, 2, 3), pick(draw, 1, 2, 3)]
    k = [m if d * (m - 1) + 1 <= n + 2 * p else 1 for m, n in zip(k, x[2:], strict=True)]
    times = draw(st.integers(1, 2))
    return spec(DepthwiseConv2d(s, p, d), x=real(*x), weight=real(x[1] * times, 1, *k))


@twin.register
def _(layer: DepthwiseConv2d, x: Any, weight: Any) -> Any:
    return F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, x.shape[1])


@dataclass(frozen=True)
class PaddedConv2d:
    """A convolution of stride 1 of x that is padded by itself; nn.Conv2d with a padding_mode."""

    mode: str = "reflect"
    padding: tuple[int, int] = (1, 1)

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real", "weight": "param", "bias": "param"}

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        n, c, h, w = x.shape
        outs, _, kh, kw = weight.shape
        ph, pw = self.padding
        rows, columns = padded_index(self.mode, h, ph, ph), padded_index(self.mode, w, pw, pw)
        padded = x[:, :, rows[:, None], columns]
        high, wide = padded.shape[2] - kh + 1, padded.shape[3] - kw + 1
        y = np.zeros((n, outs, high * wide), x.dtype)
        for i, j in np.ndindex(kh, kw):
            window = padded[:, :, i : i + high, j : j + wide].reshape(n, c, high * wide)
            y += weight[:, :, i, j] @ window
        y = y.reshape(n, outs, high, wide) + bias[:, None, None]
        return y, (padded, weight, rows, columns, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        padded, weight, rows, columns, shape = saved
        n, c = shape[:2]
        outs, _, kh, kw = weight.shape
        high, wide = dy.shape[2:]
        flat = dy.reshape(n, outs, high * wide)
        dpadded, dweight = np.zeros(padded.shape, dy.dtype), np.zeros(weight.shape, dy.dtype)
        for i, j in np.ndindex(kh, kw):
            part = (weight[:, :, i, j].T @ flat).reshape(n, c, high, wide)
            dpadded[:, :, i : i + high, j : j + wide] += part
            window = padded[:, :, i : i + high, j : j + wide].reshape(n, c, high * wide)
            dweight[:, :, i, j] = (flat @ window.swapaxes(1, 2)).sum(axis=0)
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), dpadded)
        return {"x": dx, "weight": dweight, "bias": dy.sum(axis=(0, 2, 3))}


@cases(PaddedConv2d, rank=(4, 4), empty=False)
def padded_conv2d(draw: Any, x: Any) -> Any:
    mode = pick(draw, "reflect", "replicate", "circular")
    p = tuple(draw(st.integers(0, min(2, n - (mode == "reflect")))) for n in x[2:])
    k = [min(draw(st.integers(1, 3)), n + 2 * m) for n, m in zip(x[2:], p, strict=True)]
    outs = draw(st.integers(1, 3))
    return spec(PaddedConv2d(mode, p), x=real(*x), weight=real(outs, x[1], *k), bias=real(outs))


@twin.register
def _(layer: PaddedConv2d, x: Any, weight: Any, bias: Any) -> Any:
    ph, pw = layer.padding
    return F.conv2d(F.pad(x, (pw, pw, ph, ph), layer.mode), weight, bias)


BUGS = bugs(__name__, {
    "Conv1d.backward": [
        ("stride", "dpadded[:, :, at[:, j]] +=", "dpadded[:, :, np.arange(len(at)) + at[0, j]] +=",
         "x", "the stride is forgotten when columns are put back"),
        ("overlap", "dpadded[:, :, at[:, j]] += dcolumns", "dpadded[:, :, at[:, j]] = dcolumns",
         "x", "windows overlap, so that = loses all but the last"),
        ("padding", "dpadded[:, :, p : p + length].copy()", "dpadded[:, :, :length].copy()",
         "x", "the wrong end of the padding is cut off"),
        ("bias-mean", "dy.sum(axis=(0, 2))", "dy.mean(axis=0).sum(axis=1)",
         "bias", "a mean over the batch where the sum belongs"),
        ("flipped", "dcolumns[:, j].swapaxes(0, 1)", "dcolumns[:, k - 1 - j].swapaxes(0, 1)",
         "x", "the kernel is flipped once too often"),
    ],
    "DepthwiseConv2d.backward": [
        ("overlap", "dpadded[at] += (kernels", "dpadded[at] = (kernels",
         "x", "windows overlap, so that = loses all but the last"),
        ("multiplier", ".sum(axis=2, keepdims=True)", "[:, :, :1]",
         "x", "only the first kernel of each channel sends a gradient back"),
        ("batch-mean", "[at] * g).sum(axis=(0, 3, 4)", "[at] * g).sum(axis=(3, 4)).mean(axis=0",
         "weight", "a mean over the batch where the sum belongs"),
        ("padding", "dpadded[:, :, 0, p : p + h, p : p + w]", "dpadded[:, :, 0, :h, :w]",
         "x", "the padding is cut off at the end alone"),
    ],
    "PaddedConv2d.backward": [
        ("wrapped-lost",
         "np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), dpadded)",
         "dx[:, :, rows[:, None], columns] = dpadded", "x",
         "numbers that stand in the padding again overwrite each other's gradient"),
        ("as-zeros", "np.add.at(dx, (slice(None), slice(None), rows[:, None], columns), dpadded)",
         "ph, pw = self.padding; dx += dpadded[:, :, ph : ph + shape[2], pw : pw + shape[3]]", "x",
         "the gradient of the padding is dropped, as if it were zeros"),
        ("transpose", "dweight[:, :, i, j] = (flat @", "dweight[:, :, j % kh, i % kw] = (flat @",
         "weight", "rows and columns of the kernel are swapped"),
        ("bias-axis", "dy.sum(axis=(0, 2, 3))", "dy.sum(axis=(0, 2)).mean(axis=1)",
         "bias", "a mean over the width where the sum belongs"),
    ],
})  # fmt: skip
