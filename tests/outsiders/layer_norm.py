"""Normalisation by numbers of the same example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class LayerNorm:
    """y = γ (x − μ) / √(σ² + eps) + β over the last `axes` axes; torch's fused kernel."""

    axes: int = 1
    eps: float = 1e-5

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "weight": "param", "bias": "param"}

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        axes = tuple(range(-self.axes, 0))
        centred = x - x.mean(axis=axes, keepdims=True)
        r = 1 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + self.eps)
        normal = centred * r
        return normal * weight + bias, (normal, r, weight)

    def backward(self, saved: Any, dy: Any) -> Any:
        normal, r, weight = saved
        axes, rows = tuple(range(-self.axes, 0)), tuple(range(dy.ndim - self.axes))
        g = dy * weight
        along = (g * normal).mean(axis=axes, keepdims=True)
        dx = r * (g - g.mean(axis=axes, keepdims=True) - normal * along)
        return {"x": dx, "weight": (dy * normal).sum(axis=rows), "bias": dy.sum(axis=rows)}


@cases(LayerNorm, rank=(2, 4), empty=False)
def layer_norm(draw, x):
    axes = draw(st.integers(1, len(x) - 1))
    eps = draw(st.sampled_from([1e-5, 1e-12]))
    return spec(LayerNorm(axes, eps), x=real(*x), weight=real(*x[-axes:]), bias=real(*x[-axes:]))


@twin.register
def _(layer: LayerNorm, x, weight, bias):
    return F.layer_norm(x, weight.shape, weight, bias, layer.eps)


@dataclass(frozen=True)
class GroupNorm:
    """y = γ (x − μ) / √(σ² + eps) + β, μ and σ² of a group of channels; torch's fused kernel."""

    groups: int = 1
    eps: float = 1e-5

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "weight": "param", "bias": "param"}

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        rows = x.reshape(x.shape[0], self.groups, -1)
        centred = rows - rows.mean(axis=-1, keepdims=True)
        r = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self.eps)
        normal = (centred * r).reshape(x.shape)
        per_channel = (-1,) + (1,) * (x.ndim - 2)
        y = normal * weight.reshape(per_channel) + bias.reshape(per_channel)
        return y, (normal, r, weight.reshape(per_channel))

    def backward(self, saved: Any, dy: Any) -> Any:
        normal, r, weight = saved
        n = normal.reshape(dy.shape[0], self.groups, -1)
        g = (dy * weight).reshape(n.shape)
        dx = r * (g - g.mean(axis=-1, keepdims=True) - n * (g * n).mean(axis=-1, keepdims=True))
        others = (0, *range(2, dy.ndim))
        dweight = (dy * normal).sum(axis=others)
        return {"x": dx.reshape(dy.shape), "weight": dweight, "bias": dy.sum(axis=others)}


@cases(GroupNorm, rank=(2, 4), empty=False)
def group_norm(draw, x):
    groups = draw(st.integers(1, 3))
    channels = groups * x[1]
    x = (x[0], channels, *x[2:])
    return spec(GroupNorm(groups), x=real(*x), weight=real(channels), bias=real(channels))


@twin.register
def _(layer: GroupNorm, x, weight, bias):
    return torch.group_norm(x, layer.groups, weight, bias, layer.eps)


@dataclass(frozen=True)
class InstanceNorm:
    """y = γ (x − μ) / √(σ² + eps) + β, μ and σ² of each channel of each example; torch's."""

    eps: float = 1e-5

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "weight": "param", "bias": "param"}

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        places = tuple(range(2, x.ndim))
        centred = x - x.mean(axis=places, keepdims=True)
        r = 1 / np.sqrt((centred * centred).mean(axis=places, keepdims=True) + self.eps)
        normal = centred * r
        weight, bias = (a.reshape(-1, *(1 for _ in places)) for a in (weight, bias))
        return normal * weight + bias, (normal, r, weight)

    def backward(self, saved: Any, dy: Any) -> Any:
        normal, r, weight = saved
        places = tuple(range(2, dy.ndim))
        mean = dy.mean(axis=places, keepdims=True)
        along = (dy * normal).mean(axis=places, keepdims=True)
        dx = weight * r * (dy - mean - normal * along)
        others = (0, *places)
        return {"x": dx, "weight": (dy * normal).sum(axis=others), "bias": dy.sum(axis=others)}


@cases(InstanceNorm, rank=(3, 5), empty=False)
def instance_norm(draw, x):
    x = (*x[:-1], max(2, x[-1]))
    return spec(InstanceNorm(), x=real(*x), weight=real(x[1]), bias=real(x[1]))


@twin.register
def _(layer: InstanceNorm, x, weight, bias):
    return F.instance_norm(x, weight=weight, bias=bias, use_input_stats=True, eps=layer.eps)


@dataclass(frozen=True)
class RMSNorm:
    """y = γ x / √(mean x² + eps) over the last axis; torch's function."""

    eps: float | None = None

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "weight": "param"}

    def forward(self, x: Any, weight: Any) -> Any:
        eps = np.finfo(x.real.dtype).eps if self.eps is None else self.eps
        r = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
        normal = x * r
        return normal * weight, (normal, r, weight)

    def backward(self, saved: Any, dy: Any) -> Any:
        normal, r, weight = saved
        g = dy * weight
        dx = r * (g - normal * (g * normal).mean(axis=-1, keepdims=True))
        return {"x": dx, "weight": (dy * normal).reshape(-1, dy.shape[-1]).sum(axis=0)}


@cases(RMSNorm, rank=(1, 4), empty=False)
def rms_norm(draw, x):
    return spec(RMSNorm(draw(st.sampled_from([1e-6, None]))), x=real(*x), weight=real(x[-1]))


@twin.register
def _(layer: RMSNorm, x, weight):
    return F.rms_norm(x, weight.shape, weight, layer.eps)


@dataclass(frozen=True)
class LocalResponseNorm:
    """y_c = x_c / (k + α/size Σ x²)^β, the sum over a window of channels around c; torch's."""

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def window(self, a: Any, before: int) -> Any:
        """For each channel the sum of `size` channels, of which so many lie before it."""
        width = [(0, 0)] * a.ndim
        width[1] = (before, self.size - 1 - before)
        return sliding_window_view(np.pad(a, width), self.size, axis=1).sum(axis=-1)

    def forward(self, x: Any) -> Any:
        base = self.k + self.alpha / self.size * self.window(x * x, self.size // 2)
        power = base**-self.beta
        return x * power, (x, base, power)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, base, power = saved
        # Channel c stands in the windows of the channels on its other side.
        around = self.window(dy * x * power / base, self.size - 1 - self.size // 2)
        factor = 2 * self.alpha * self.beta / self.size
        return {"x": dy * power - factor * x * around}


@cases(LocalResponseNorm, rank=(3, 4), empty=False)
def local_response_norm(draw, x):
    size, alpha = draw(st.integers(1, 5)), draw(st.sampled_from([1e-4, 0.5]))
    beta, k = draw(st.sampled_from([0.75, 0.5, 1.0])), draw(st.sampled_from([1.0, 2.0]))
    return spec(LocalResponseNorm(size, alpha, beta, k), x=real(*x))


@twin.register
def _(layer: LocalResponseNorm, x):
    return F.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.k)


BUGS = bugs(__name__, {
    "LayerNorm.backward": [
        ("variance-term", " - normal * along", "", "x", "the variance is held constant"),
        ("mean-term", "g - g.mean(axis=axes, keepdims=True) - normal", "g - normal",
         "x", "the mean is held constant"),
        ("weight-inside", "along = (g * normal)", "along = (dy * normal)",
         "x", "the mean of dy x̂ without the weight"),
        ("axes", "tuple(range(-self.axes, 0)), tuple(range(dy.ndim - self.axes))",
         "(-1,), tuple(range(dy.ndim - self.axes))", "x", "the means are over the last axis only"),
    ],
    "GroupNorm.backward": [
        ("groups", "(dy.shape[0], self.groups, -1)",
         "(dy.shape[0], 1, -1); r = r.mean(axis=1, keepdims=True)", "x", "backward has one group"),
        ("weight-late", "g = (dy * weight).reshape(n.shape)",
         "g = (dy * weight.mean()).reshape(n.shape)", "x", "a group's weights are taken as equal"),
        ("bias", "dy.sum(axis=others)", "dy.mean(axis=others)",
         "bias", "a mean over examples and places"),
        ("weight", "dweight = (dy * normal)", "dweight = (dy * normal * weight)",
         "weight", "the weight is in its own gradient"),
    ],
    "InstanceNorm.backward": [
        ("weight", "dx = weight * r *", "dx = r *", "x", "the weight is forgotten in dx"),
        ("unbiased", "along = (dy * normal).mean(axis=places, keepdims=True)",
         "along = (dy * normal).sum(axis=places, keepdims=True) / (dy[0, 0].size - 1)", "x",
         "m − 1 in the derivative alone"),
        ("batch", "mean = dy.mean(axis=places, keepdims=True)",
         "mean = dy.mean(axis=(0, *places), keepdims=True)", "x", "the mean is over the batch too"),
    ],
    "RMSNorm.backward": [
        ("term", "(g - normal * (g * normal).mean(axis=-1, keepdims=True))", "g",
         "x", "the root mean square is held constant"),
        ("sum", "(g * normal).mean(axis", "(g * normal).sum(axis", "x", "a sum for the mean"),
        ("centred", "dx = r * (g -", "dx = r * (g - g.mean(axis=-1, keepdims=True) -",
         "x", "layer norm's term for the mean"),
    ],
    "LocalResponseNorm.backward": [
        ("window-not-mirrored", "self.size - 1 - self.size // 2", "self.size // 2",
         "x", "backward's window is forward's; they differ if size is even"),
        ("own-channel", "self.window(dy * x * power / base, self.size - 1 - self.size // 2)",
         "dy * x * power / base", "x", "only a channel's own square is differentiated"),
        ("factor", "2 * self.alpha * self.beta / self.size", "2 * self.alpha * self.beta",
         "x", "α is divided by the window's size in forward only"),
    ],
})  # fmt: skip
