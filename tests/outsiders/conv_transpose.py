"""Transposed convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, pick, taps, twin


@dataclass(frozen=True)
class ConvTranspose1d:
    """y[n, o, l·stride + k·dilation − padding] += x[n,c,l] w[c,o,k]; F.conv_transpose1d."""

    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    groups: int = 1
    dilation: int = 1

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real", "weight": "param", "bias": "param"}

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        n, c, length = x.shape
        _, within, k = weight.shape
        g, s, d = self.groups, self.stride, self.dilation
        full = np.zeros(
            (n, g * within, (length - 1) * s + d * (k - 1) + 1 + self.output_padding), x.dtype
        )
        xs = x.reshape(n, g, c // g, length)
        w = weight.reshape(g, c // g, within, k)
        for j in range(k):
            part = w[..., j].swapaxes(1, 2) @ xs
            full[:, :, taps(j * d, s, length)] += part.reshape(n, g * within, length)
        y = full[:, :, self.padding : full.shape[2] - self.padding].copy()
        if bias is not None:
            y += bias[:, None]
        return y, (xs, w, full.shape, bias is not None)

    def backward(self, saved: Any, dy: Any) -> Any:
        xs, w, shape, has_bias = saved
        (n, g, within_in, length), (_, _, within, k) = xs.shape, w.shape
        dfull = np.zeros(shape, dy.dtype)
        dfull[:, :, self.padding : shape[2] - self.padding] = dy
        dxs, dw = np.zeros(xs.shape, dy.dtype), np.zeros(w.shape, dy.dtype)
        for j in range(k):
            seen = dfull[:, :, taps(j * self.dilation, self.stride, length)]
            seen = seen.reshape(n, g, within, length)
            dxs += w[..., j] @ seen
            dw[..., j] = (xs @ seen.swapaxes(2, 3)).sum(axis=0)
        grads = {"x": dxs.reshape(n, -1, length), "weight": dw.reshape(g * within_in, within, k)}
        if has_bias:
            grads["bias"] = dy.sum(axis=(0, 2))
        return grads


@cases(ConvTranspose1d, rank=(3, 3), empty=False)
def conv_transpose1d(draw: Any, x: Any) -> Any:
    k, s, d, p = pick(draw, 1, 2, 3), pick(draw, 1, 2, 3), pick(draw, 1, 2), pick(draw, 0, 1, 2)
    extra = draw(st.integers(0, max(s, d) - 1))
    if (x[2] - 1) * s + d * (k - 1) + 1 + extra - 2 * p < 1:
        p = 0
    g = draw(st.sampled_from([g for g in (1, 2, 3, x[1]) if x[1] % g == 0]))
    within = draw(st.integers(1, 2))
    arrays = {"x": real(*x), "weight": real(x[1], within, k)}
    if draw(st.booleans()):
        arrays["bias"] = real(g * within)
    return spec(ConvTranspose1d(s, p, extra, g, d), **arrays)


@twin.register
def _(layer: ConvTranspose1d, x: Any, weight: Any, bias: Any = None) -> Any:
    s, p, extra, g, d = (
        layer.stride,
        layer.padding,
        layer.output_padding,
        layer.groups,
        layer.dilation,
    )
    return F.conv_transpose1d(x, weight, bias, s, p, extra, g, d)


@dataclass(frozen=True)
class ConvTranspose2d:
    """y[n, o, h·s₀ + i − p₀, w·s₁ + j − p₁] += x[n,c,h,w] weight[c,o,i,j]; F.conv_transpose2d."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    output_padding: tuple[int, int] = (0, 0)

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real", "weight": "param", "bias": "param"}

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        (n, c, h, w), (_, outs, kh, kw) = x.shape, weight.shape
        (sh, sw), (ph, pw), (eh, ew) = self.stride, self.padding, self.output_padding
        full = np.zeros((n, outs, (h - 1) * sh + kh + eh, (w - 1) * sw + kw + ew), x.dtype)
        flat = x.reshape(n, c, h * w)
        for i, j in np.ndindex(kh, kw):
            part = (weight[:, :, i, j].T @ flat).reshape(n, outs, h, w)
            full[:, :, taps(i, sh, h), taps(j, sw, w)] += part
        y = full[:, :, ph : full.shape[2] - ph, pw : full.shape[3] - pw]
        return y + bias[:, None, None], (x, weight, full.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, weight, shape = saved
        (n, c, h, w), (_, outs, kh, kw) = x.shape, weight.shape
        (sh, sw), (ph, pw) = self.stride, self.padding
        dfull = np.zeros(shape, dy.dtype)
        dfull[:, :, ph : shape[2] - ph, pw : shape[3] - pw] = dy
        flat = x.reshape(n, c, h * w)
        dflat, dweight = np.zeros(flat.shape, dy.dtype), np.zeros(weight.shape, dy.dtype)
        for i, j in np.ndindex(kh, kw):
            seen = dfull[:, :, taps(i, sh, h), taps(j, sw, w)].reshape(n, outs, h * w)
            dflat += weight[:, :, i, j] @ seen
            dweight[:, :, i, j] = (flat @ seen.swapaxes(1, 2)).sum(axis=0)
        return {"x": dflat.reshape(x.shape), "weight": dweight, "bias": dy.sum(axis=(0, 2, 3))}


@cases(ConvTranspose2d, rank=(4, 4), empty=False)
def conv_transpose2d(draw: Any, x: Any) -> Any:
    s, k = (pick(draw, 1, 2, 3), pick(draw, 1, 2)), (pick(draw, 1, 2, 3), pick(draw, 1, 2, 3))
    extra = tuple(draw(st.integers(0, a - 1)) for a in s)
    full = [(m - 1) * a + b + e for m, a, b, e in zip(x[2:], s, k, extra, strict=True)]
    p = tuple(draw(st.integers(0, min(2, (m - 1) // 2))) for m in full)
    outs = draw(st.integers(1, 3))
    weight = real(x[1], outs, *k)
    return spec(ConvTranspose2d(s, p, extra), x=real(*x), weight=weight, bias=real(outs))


@twin.register
def _(layer: ConvTranspose2d, x: Any, weight: Any, bias: Any) -> Any:
    return F.conv_transpose2d(x, weight, bias, layer.stride, layer.padding, layer.output_padding)


BUGS = bugs(__name__, {
    "ConvTranspose1d.backward": [
        ("weight-overwritten", ".sum(axis=0)", "[-1]",
         "weight", "the weight's gradient of the last example alone"),
        ("dilation", "taps(j * self.dilation, self.stride, length)", "taps(j, self.stride, length)",
         "x weight", "dilation is forgotten in backward"),
        ("assigned", "dxs += w[..., j] @ seen", "dxs = w[..., j] @ seen",
         "x", "= for += over the kernel's places"),
        ("padding-after", "[:, :, self.padding : shape[2] - self.padding]", "[:, :, : dy.shape[2]]",
         "x weight", "the padding that forward cuts off is not put back in front"),
    ],
    "ConvTranspose2d.backward": [
        ("flipped", "weight[:, :, i, j] @ seen", "weight[:, :, kh - 1 - i, kw - 1 - j] @ seen",
         "x", "the kernel is flipped as for the forward convolution"),
        ("stride", "taps(i, sh, h), taps(j, sw, w)", "taps(i, 1, h), taps(j, 1, w)",
         "x weight", "the stride is forgotten in backward"),
        ("bias-batch", "dy.sum(axis=(0, 2, 3))", "dy[0].sum(axis=(1, 2))",
         "bias", "the sum over the batch is missing"),
        ("taps-swapped", "dweight[:, :, i, j] = (flat", "dweight[:, :, i, kw - 1 - j] = (flat",
         "weight", "the weight's gradient is mirrored in one axis"),
    ],
})  # fmt: skip
