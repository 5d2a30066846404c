"""Lengths, angles and distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class Normalize:
    """y = x / max(‖x‖, eps) along an axis; torch's function."""

    axis: int = -1
    eps: float = 1e-12

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        norm = np.sqrt((x * x).sum(axis=self.axis, keepdims=True))
        long = norm.real >= self.eps  # at eps itself the derivative is torch's, the outer one
        length = np.where(long, norm, self.eps)
        y = x / length
        return y, (y, length, long)

    def backward(self, saved: Any, dy: Any) -> Any:
        y, length, long = saved
        along = (dy * y).sum(axis=self.axis, keepdims=True)
        return {"x": (dy - np.where(long, y * along, 0)) / length}


@cases(Normalize, rank=(1, 4), empty=False)
def normalize(draw, x):
    layer = Normalize(draw(st.integers(-len(x), len(x) - 1)), draw(st.sampled_from([1e-12, 1.0])))
    return spec(layer, x=real(*x))


@twin.register
def _(layer: Normalize, x):
    return F.normalize(x, dim=layer.axis, eps=layer.eps)


@dataclass(frozen=True)
class CosineSimilarity:
    """y = a/max(‖a‖, eps) · b/max(‖b‖, eps) along the last axis; torch's function."""

    eps: float = 1e-8

    def argument_kinds(self, count: int) -> Any:
        return {"a": "real", "b": "real"}

    def unit(self, u: Any) -> Any:
        """The vectors, shortened to length 1, their lengths, and which are longer than eps."""
        norm = np.sqrt((u * u).sum(axis=-1, keepdims=True))
        long = norm.real >= self.eps  # at eps itself the derivative is torch's, the outer one
        length = np.where(long, norm, self.eps)
        return u / length, length, long

    def forward(self, a: Any, b: Any) -> Any:
        (u, a_length, a_long), (v, b_length, b_long) = self.unit(a), self.unit(b)
        return (u * v).sum(axis=-1), (u, a_length, a_long, v, b_length, b_long)

    def backward(self, saved: Any, dy: Any) -> Any:
        u, a_length, a_long, v, b_length, b_long = saved
        y = (u * v).sum(axis=-1, keepdims=True)
        g = dy[..., None]
        da = g * (v - np.where(a_long, u * y, 0)) / a_length
        db = g * (u - np.where(b_long, v * y, 0)) / b_length
        if b_length.shape[0] < da.shape[0]:
            db = db.sum(axis=0, keepdims=True)
        return {"a": da, "b": db}


@cases(CosineSimilarity, rank=(2, 4), empty=False)
def cosine_similarity(draw, x):
    first = draw(st.sampled_from([x[0], 1]))
    eps = draw(st.sampled_from([1e-8, 1e-8, 1e-8, 0.5]))
    return spec(CosineSimilarity(eps), a=real(*x), b=real(first, *x[1:]))


@twin.register
def _(layer: CosineSimilarity, a, b):
    return F.cosine_similarity(a, b, dim=-1, eps=layer.eps)


@dataclass(frozen=True)
class PairwiseDistance:
    """y = ‖a − b + eps‖_p along the last axis; torch's function."""

    p: float = 2.0
    eps: float = 1e-6
    keepdim: bool = False

    def argument_kinds(self, count: int) -> Any:
        return {"a": "real", "b": "real"}

    def forward(self, a: Any, b: Any) -> Any:
        d = a - b + self.eps
        size = np.abs(d)
        largest = size.max(axis=-1, keepdims=True)
        unit = size / np.where(largest == 0, 1, largest)
        norm = largest * (unit**self.p).sum(axis=-1, keepdims=True) ** (1 / self.p)
        return norm if self.keepdim else norm[..., 0], (d, norm, b.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        d, norm, shape = saved
        g = dy if self.keepdim else dy[..., None]
        unit = d / np.where(norm == 0, 1, norm)
        da = g * np.sign(d) * np.abs(unit) ** (self.p - 1)
        db = -da
        if shape[0] < da.shape[0]:
            db = db.sum(axis=0, keepdims=True)
        return {"a": da, "b": db}


@cases(PairwiseDistance, rank=(2, 3), empty=False)
def pairwise_distance(draw, x):
    first = draw(st.sampled_from([x[0], 1]))
    layer = PairwiseDistance(draw(st.sampled_from([2.0, 1.0, 3.0])), keepdim=draw(st.booleans()))
    return spec(layer, a=real(*x), b=real(first, *x[1:]))


@twin.register
def _(layer: PairwiseDistance, a, b):
    return F.pairwise_distance(a, b, layer.p, layer.eps, layer.keepdim)


@dataclass(frozen=True)
class CDist:
    """d[i, j] = |xᵢ − zⱼ|; dxᵢ = Σⱼ dy (xᵢ − zⱼ) / d, 0 where two points are the same."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "z": "real"}

    def forward(self, x: Any, z: Any) -> Any:
        between = x[..., :, None, :] - z[..., None, :, :]
        d = np.sqrt((between * between).sum(axis=-1))
        return d, (between, d)

    def backward(self, saved: Any, dy: Any) -> Any:
        between, d = saved
        share = np.where(d > 0, dy / np.where(d > 0, d, 1), 0)
        pull = share[..., None] * between
        return {"x": pull.sum(axis=-2), "z": -pull.sum(axis=-3)}


@cases(CDist, rank=(2, 3), empty=False)
def cdist(draw: Any, x: Any) -> Any:
    n = draw(st.sampled_from([1, 2, 3, 5, 26, 30]))
    return spec(CDist(), x=real(*x), z=real(*x[:-2], n, x[-1]))


@twin.register
def _(layer: CDist, x: Any, z: Any) -> Any:
    return torch.cdist(x, z)


BUGS = bugs(__name__, {
    "Normalize.backward": [
        ("no-projection", "(dy - np.where(long, y * along, 0))", "dy",
         "x", "the length is held constant"),
        ("short", "np.where(long, y * along, 0)", "y * along",
         "x", "where the length is below eps it is constant"),
        ("axis", "sum(axis=self.axis, keepdims=True)", "sum(axis=-1, keepdims=True)",
         "x", "backward knows the last axis only"),
    ],
    "CosineSimilarity.backward": [
        ("broadcast", "db.sum(axis=0, keepdims=True)", "db[:1]",
         "b", "the sum over the broadcast axis is missing"),
        ("projection", "v - np.where(a_long, u * y, 0)", "v",
         "a", "the length of a is held constant"),
        ("lengths-swapped", "db = g * (u - np.where(b_long, v * y, 0)) / b_length",
         "db = g * (u - np.where(b_long, v * y, 0)) / a_length", "b", "the other vector's length"),
        ("projected-on-the-other", "np.where(b_long, v * y, 0)", "np.where(b_long, u * y, 0)",
         "b", "the other vector's direction is taken off"),
    ],
    "PairwiseDistance.backward": [
        ("sign", "db = -da", "db = da * 1", "b", "the sign of the subtracted argument"),
        ("power", "** (self.p - 1)", "** self.p", "a b", "the power is not reduced by one"),
        ("euclidean", "np.sign(d) * np.abs(unit) ** (self.p - 1)", "unit",
         "a b", "backward knows p = 2 only"),
        ("broadcast", "db.sum(axis=0, keepdims=True)", "db.mean(axis=0, keepdims=True)",
         "b", "a mean over the broadcast axis"),
    ],
    "CDist.backward": [
        ("sign", "-pull.sum", "pull.sum", "z", "both points are pulled the same way"),
        ("square", "dy / np.where(d > 0, d, 1)", "2 * dy", "x z", "the squared distance's rule"),
        ("power", "np.where(d > 0, d, 1)", "np.where(d > 0, d * d, 1)", "x z", "d² below"),
    ],
})  # fmt: skip
