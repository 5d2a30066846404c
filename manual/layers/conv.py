"""Convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from manual.layer import Array, Grads, Layer, Param, Real, Saved

Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Conv2d(Layer):
    """y_nopq = b_o + Σ_cij w_ocij x̂_{n, c, p·stride + i·dilation, q·stride + j·dilation}

    x̂ is x with `padding` zeros on every side: a number, one for each axis, "valid" (none) or
    "same", with which y is as high and wide as x; where their number is odd, the end has one more.
    The channels are cut into `groups`: an output channel sees those of its own group alone.

    Shapes    x (N, C, H, W) or (C, H, W), weight (O, C / groups, I, J), bias (O,) or absent →
              y (N, O, P, Q) or (O, P, Q), P = ⌊(H + zeros − dilation·(I − 1) − 1) / stride⌋ + 1
    Backward  let a column hold what a window shows of x̂, so that y = w·columns:
              dw = dy·columnsᵀ;  dx = wᵀ·dy, each entry put back and added where windows overlap;
              db = Σ_npq dy
    Source    Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016);
              Chellapilla et al., High performance convolutional neural networks (2006), §2
    Raises    ValueError for shapes that do not fit, and for "same" with a stride
    """

    stride: int | Pair = 1
    padding: int | Pair | Literal["same", "valid"] = 0
    dilation: int | Pair = 1
    groups: int = 1

    def forward(self, x: Real, weight: Param, bias: Param | None = None) -> tuple[Array, Saved]:
        outs, _, *kernel = weight.shape
        padded, inner = self._padded(channels_first(x), kernel)
        windows = self._windows(padded, kernel)
        channels, n, high, wide = windows.shape[:4]
        taps = channels // self.groups * kernel[0] * kernel[1]
        columns = windows.transpose(0, 4, 5, 1, 2, 3).reshape(self.groups, taps, n * high * wide)
        w = weight.reshape(self.groups, outs // self.groups, taps)
        y = (w @ columns).reshape(outs, n, high, wide)
        if bias is not None:
            y = y + bias.reshape(outs, 1, 1, 1)
        saved = (columns, w, weight.shape, padded.shape, inner, bias is not None)
        return as_given(y, x.ndim), saved

    def backward(self, saved: Saved, dy: Array) -> Grads:
        columns, w, (outs, within, *kernel), padded, inner, has_bias = saved
        g = channels_first(dy)
        flat = g.reshape(self.groups, outs // self.groups, columns.shape[-1])
        dw = flat @ columns.transpose(0, 2, 1)
        dcolumns = (w.transpose(0, 2, 1) @ flat).reshape(padded[0], *kernel, *g.shape[1:])
        dpadded = np.zeros(padded, dy.dtype)
        dwindows = self._windows(dpadded, kernel)
        for i, j in np.ndindex(*kernel):  # windows overlap, but not at the same place of each
            dwindows[..., i, j] += dcolumns[:, i, j]
        grads = {
            "x": as_given(dpadded[inner], dy.ndim),
            "weight": dw.reshape(outs, within, *kernel),
        }
        if has_bias:
            grads["bias"] = np.sum(g, axis=(1, 2, 3))
        return grads

    def _windows(self, padded: Array, kernel: list[int]) -> Array:
        """What every window shows, as a view: (C, N, P, Q, I, J)."""
        steps, gaps = pair(self.stride), pair(self.dilation)
        reach = [gap * (k - 1) + 1 for gap, k in zip(gaps, kernel, strict=True)]
        everywhere = sliding_window_view(padded, reach, axis=(2, 3), writeable=True)
        return everywhere[:, :, :: steps[0], :: steps[1], :: gaps[0], :: gaps[1]]

    def _padded(self, x: Array, kernel: list[int]) -> tuple[Array, Any]:
        """x (C, N, H, W) with zeros around it, and where it lies among them."""
        sides = self._sides(kernel)
        lengths = [n + sum(side) for n, side in zip(x.shape[2:], sides, strict=True)]
        padded = np.zeros((*x.shape[:2], *lengths), x.dtype)
        ends = zip(x.shape[2:], sides, strict=True)
        inner: Any = (..., *(slice(before, before + n) for n, (before, _) in ends))
        padded[inner] = x
        return padded, inner

    def _sides(self, kernel: list[int]) -> list[Pair]:
        """How many zeros stand before and after x, on each axis."""
        if not isinstance(self.padding, str):
            return [(n, n) for n in pair(self.padding)]
        if self.padding == "valid":
            return [(0, 0), (0, 0)]
        if pair(self.stride) != (1, 1):
            raise ValueError('padding "same" takes a stride of 1')
        zeros = [gap * (k - 1) for gap, k in zip(pair(self.dilation), kernel, strict=True)]
        return [(n // 2, n - n // 2) for n in zeros]


def pair(option: int | Pair) -> Pair:
    """An option for each axis, from one for both or one for each."""
    return (option, option) if isinstance(option, int) else option


def channels_first(x: Array) -> Array:
    """(N, C, H, W), or one example without its N, as (C, N, H, W), as a view.

    Raises    ValueError for another number of axes
    """
    if x.ndim not in (3, 4):
        raise ValueError(f"Conv2d takes three or four axes, not {x.ndim}")
    return x[:, np.newaxis] if x.ndim == 3 else x.swapaxes(0, 1)


def as_given(y: Array, rank: int) -> Array:
    """`channels_first` undone, for an array that had so many axes."""
    return y[:, 0] if rank == 3 else y.swapaxes(0, 1)
