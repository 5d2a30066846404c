"""Normalisation of the weight, and by a mean and a variance that are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import positive, real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class WeightNorm:
    """w = g v / ‖v‖, the norm over all axes but `axis`; torch's kernel, undefined at v = 0."""

    axis: int = 0

    def argument_kinds(self, count: int) -> Any:
        return {"v": "param", "g": "param"}

    def forward(self, v: Any, g: Any) -> Any:
        axes = tuple(i for i in range(v.ndim) if i != self.axis)
        norm = np.sqrt((v * v).sum(axis=axes, keepdims=True))
        unit = v / norm
        return unit * g, (unit, norm, g)

    def backward(self, saved: Any, dy: Any) -> Any:
        unit, norm, g = saved
        axes = tuple(i for i in range(unit.ndim) if i != self.axis)
        dg = (dy * unit).sum(axis=axes, keepdims=True)
        dv = g / norm * (dy - unit * dg)
        return {"v": dv, "g": dg}


@cases(WeightNorm, rank=(2, 4), empty=False)
def weight_norm(draw, x):
    axis = draw(st.integers(0, len(x) - 1))
    g = [n if i == axis else 1 for i, n in enumerate(x)]
    return spec(WeightNorm(axis), v=real(*x), g=real(*g))


@twin.register
def _(layer: WeightNorm, v, g):
    return torch._weight_norm(v, g, layer.axis)


@dataclass(frozen=True)
class FrozenBatchNorm:
    """y = γ (x − mean) / √(var + eps) + β with given statistics; torch's fused kernel."""

    eps: float = 1e-5

    def argument_kinds(self, count: int) -> Any:
        kinds = {"x": "real", "mean": "buffer", "var": "buffer"}
        return kinds | {"weight": "param", "bias": "param"}

    def forward(self, x: Any, mean: Any, var: Any, weight: Any, bias: Any) -> Any:
        per_channel = (-1,) + (1,) * (x.ndim - 2)
        mean, var, weight, bias = (a.reshape(per_channel) for a in (mean, var, weight, bias))
        r = 1 / np.sqrt(var + self.eps)
        normal = (x - mean) * r
        return normal * weight + bias, (normal, r, weight)

    def backward(self, saved: Any, dy: Any) -> Any:
        normal, r, weight = saved
        others = (0, *range(2, dy.ndim))
        dweight, dbias = (dy * normal).sum(axis=others), dy.sum(axis=others)
        return {"x": dy * (weight * r), "weight": dweight, "bias": dbias}


@cases(FrozenBatchNorm, rank=(2, 5), empty=False)
def frozen_batch_norm(draw, x):
    mean, var, weight, bias = real(x[1]), positive(x[1]), real(x[1]), real(x[1])
    return spec(FrozenBatchNorm(), x=real(*x), mean=mean, var=var, weight=weight, bias=bias)


@twin.register
def _(layer: FrozenBatchNorm, x, mean, var, weight, bias):
    return F.batch_norm(x, mean, var, weight, bias, training=False, eps=layer.eps)


BUGS = bugs(__name__, {
    "WeightNorm.backward": [
        ("no-projection", "(dy - unit * dg)", "dy", "v", "the norm is held constant"),
        ("axis", "for i in range(unit.ndim) if i != self.axis",
         "for i in range(unit.ndim) if i != 0", "v g", "backward knows axis 0 only"),
        ("gain", "dv = g / norm *", "dv = 1 / norm *", "v", "the gain is forgotten in dv"),
        ("divided-twice", "unit).sum(axis=axes, keepdims=", "unit / norm).sum(axis=axes, keepdims=",
         "g v", "the saved direction is divided by the norm again"),
    ],
    "FrozenBatchNorm.backward": [
        ("training", "dy * (weight * r", "(dy - dy.mean(axis=others, keepdims=True)) * (weight * r",
         "x", "training's term, though the mean is given"),
        ("variance", "(weight * r)", "(weight * r * r)",
         "x", "divided by the variance instead of its root"),
        ("batch", "= (0, *range(2, dy.ndim))", "= (0, *range(2, dy.ndim)); dy = dy / len(dy)",
         "x weight bias", "a mean over the batch, as if it were a loss"),
    ],
})  # fmt: skip
