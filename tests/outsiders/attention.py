"""Attention: scaled dot products, several heads, and without a softmax over the keys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import attention_shapes, bugs, cases, mt, softmax, twin


@dataclass(frozen=True)
class ScaledDotProductAttention:
    """y = softmax(scale · q kᵀ) v; torch's fused kernel."""

    scale: float | None = None

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real"}

    def forward(self, q: Any, k: Any, v: Any) -> Any:
        scale = 1 / math.sqrt(q.shape[-1]) if self.scale is None else self.scale
        p = softmax((q * scale) @ mt(k))
        return p @ v, (q, k, v, p)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, k, v, p = saved
        scale = 1 / math.sqrt(q.shape[-1]) if self.scale is None else self.scale
        dp = dy @ mt(v)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        return {"q": ds @ k * scale, "k": mt(ds) @ q * scale, "v": mt(p) @ dy}


@cases(ScaledDotProductAttention, rank=(4, 4), empty=False)
def scaled_dot_product_attention(draw, x):
    q, k, v = attention_shapes(draw, x)
    scale = draw(st.sampled_from([None, None, 1.0, 0.25, -0.5, 0.0]))
    return spec(ScaledDotProductAttention(scale), q=real(*q), k=real(*k), v=real(*v))


@twin.register
def _(layer: ScaledDotProductAttention, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, scale=layer.scale)


@dataclass(frozen=True)
class GroupedQueryAttention:
    """Attention in which several query heads share a key and a value head; torch's kernel."""

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real"}

    def forward(self, q: Any, k: Any, v: Any) -> Any:
        groups = q.shape[1] // k.shape[1]
        wide_k, wide_v = np.repeat(k, groups, axis=1), np.repeat(v, groups, axis=1)
        p = softmax((q / math.sqrt(q.shape[-1])) @ mt(wide_k))
        return p @ wide_v, (q, wide_k, wide_v, p, groups)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, wide_k, wide_v, p, groups = saved
        dp = dy @ mt(wide_v)
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) / math.sqrt(q.shape[-1])
        dk, dv = mt(ds) @ q, mt(p) @ dy
        batch, heads = q.shape[0], q.shape[1] // groups
        dk = dk.reshape(batch, heads, groups, *dk.shape[2:]).sum(axis=2)
        dv = dv.reshape(batch, heads, groups, *dv.shape[2:]).sum(axis=2)
        return {"q": ds @ wide_k, "k": dk, "v": dv}


@cases(GroupedQueryAttention, rank=(4, 4), empty=False)
def grouped_query_attention(draw, x):
    _, k, v = attention_shapes(draw, x)
    groups = draw(st.sampled_from([2, 3, 1]))
    q = real(x[0], groups * x[1], *x[2:])
    return spec(GroupedQueryAttention(), q=q, k=real(*k), v=real(*v))


@twin.register
def _(layer: GroupedQueryAttention, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)


@dataclass(frozen=True)
class MultiHeadAttention:
    """(y, weights) = multi-head attention with one packed projection; torch's function.

    query (L, N, E), key and value (S, N, E); the weights are the mean over the heads.
    """

    heads: int = 1

    def argument_kinds(self, count: int) -> Any:
        arrays = dict.fromkeys(("query", "key", "value"), "real")
        return arrays | dict.fromkeys(("in_weight", "in_bias", "out_weight", "out_bias"), "param")

    def split(self, a: Any) -> Any:
        """(L, N, E) as (N, heads, L, E / heads)."""
        return a.reshape(*a.shape[:2], self.heads, -1).transpose(1, 2, 0, 3)

    def join(self, a: Any) -> Any:
        """(N, heads, L, E / heads) as (L, N, E)."""
        return a.transpose(2, 0, 1, 3).reshape(a.shape[2], a.shape[0], -1)

    def forward(
        self, query: Any, key: Any, value: Any, in_weight: Any, in_bias: Any, out_weight: Any,
        out_bias: Any,
    ) -> Any:  # fmt: skip
        inputs, weights = (query, key, value), np.split(in_weight, 3)
        biases = np.split(in_bias, 3)
        q, k, v = (self.split(a @ w.T + b) for a, w, b in zip(inputs, weights, biases, strict=True))
        p = softmax((q / math.sqrt(q.shape[-1])) @ mt(k))
        context = self.join(p @ v)
        y = context @ out_weight.T + out_bias
        return (y, p.mean(axis=1)), (inputs, weights, q, k, v, p, context, out_weight)

    def backward(self, saved: Any, dy: Any) -> Any:
        inputs, weights, q, k, v, p, context, out_weight = saved
        dy, dmean = dy
        grads = {}
        dp = np.zeros_like(p)
        dv = np.zeros_like(v)
        if dy is not None:
            do = self.split(dy @ out_weight)
            dp = dp + do @ mt(v)
            dv = mt(p) @ do
            grads["out_weight"] = np.einsum("lno,lne->oe", dy, context)
            grads["out_bias"] = dy.sum(axis=(0, 1))
        if dmean is not None:
            dp = dp + dmean[:, None] / self.heads
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) / math.sqrt(q.shape[-1])
        projected = [self.join(d) for d in (ds @ k, mt(ds) @ q, dv)]
        for name, d, w in zip(("query", "key", "value"), projected, weights, strict=True):
            grads[name] = d @ w
        pairs = zip(projected, inputs, strict=True)
        grads["in_weight"] = np.concatenate([np.einsum("lno,lne->oe", d, a) for d, a in pairs])
        grads["in_bias"] = np.concatenate([d.sum(axis=(0, 1)) for d in projected])
        return grads


@cases(MultiHeadAttention, rank=(3, 3), empty=False)
def multi_head_attention(draw, x):
    length, batch = x[:2]
    heads = draw(st.integers(1, 3))
    width, keys = heads * min(x[2], 6), draw(st.integers(1, 6))
    key, value = real(keys, batch, width), real(keys, batch, width)
    return spec(
        MultiHeadAttention(heads), query=real(length, batch, width), key=key, value=value,
        in_weight=real(3 * width, width), in_bias=real(3 * width),
        out_weight=real(width, width), out_bias=real(width),
    )  # fmt: skip


@twin.register
def _(layer: MultiHeadAttention, query, key, value, in_weight, in_bias, out_weight, out_bias):
    return F.multi_head_attention_forward(
        query, key, value, query.shape[-1], layer.heads, in_weight, in_bias, None, None, False, 0.0,
        out_weight, out_bias, training=False, need_weights=True,
    )  # fmt: skip


@dataclass(frozen=True)
class LinearAttention:
    """y_i = φ(q_i) · Σ_j φ(k_j) v_jᵀ / (φ(q_i) · Σ_j φ(k_j) + eps), φ = elu + 1; no kernel."""

    eps: float = 1e-6

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real"}

    def forward(self, q: Any, k: Any, v: Any) -> Any:
        a, b = (np.where(u.real > 0, u + 1, np.exp(np.where(u.real > 0, 0, u))) for u in (q, k))
        memory, total = mt(b) @ v, b.sum(axis=-2, keepdims=True)
        z = (a * total).sum(axis=-1, keepdims=True) + self.eps
        y = (a @ memory) / z
        return y, (a, b, v, memory, total, z, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, b, v, memory, total, z, y = saved
        dnum = dy / z
        dz = -(dnum * y).sum(axis=-1, keepdims=True)
        da = dnum @ mt(memory) + dz * total
        dmemory = mt(a) @ dnum
        db = v @ mt(dmemory) + (dz * a).sum(axis=-2, keepdims=True)
        # φ′ is 1 above 0 and φ below it.
        return {"q": da * np.minimum(a, 1), "k": db * np.minimum(b, 1), "v": b @ dmemory}


@cases(LinearAttention, rank=(3, 3), empty=False)
def linear_attention(draw, x):
    keys, values = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    k, v = real(x[0], keys, x[2]), real(x[0], keys, values)
    return spec(LinearAttention(), q=real(*x), k=k, v=v)


@twin.register
def _(layer: LinearAttention, q, k, v):
    a, b = (torch.where(u > 0, u + 1, u.clamp(max=0).exp()) for u in (q, k))
    z = torch.einsum("nld,nd->nl", a, b.sum(1)) + layer.eps
    return torch.einsum("nld,nde->nle", a, torch.einsum("nsd,nse->nde", b, v)) / z[..., None]


@dataclass(frozen=True)
class EfficientAttention:
    """y = softmax(q over features) (softmax(k over positions)ᵀ v); no kernel in torch."""

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real"}

    def forward(self, q: Any, k: Any, v: Any) -> Any:
        a, b = softmax(q), softmax(k, axis=-2)
        context = mt(b) @ v
        return a @ context, (a, b, v, context)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, b, v, context = saved
        da = dy @ mt(context)
        dcontext = mt(a) @ dy
        db = v @ mt(dcontext)
        dq = a * (da - (a * da).sum(axis=-1, keepdims=True))
        dk = b * (db - (b * db).sum(axis=-2, keepdims=True))
        return {"q": dq, "k": dk, "v": b @ dcontext}


@cases(EfficientAttention, rank=(3, 3), empty=False)
def efficient_attention(draw, x):
    keys, values = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    k, v = real(x[0], keys, x[2]), real(x[0], keys, values)
    return spec(EfficientAttention(), q=real(*x), k=k, v=v)


@twin.register
def _(layer: EfficientAttention, q, k, v):
    return torch.softmax(q, -1) @ (torch.softmax(k, -2).mT @ v)


BUGS = bugs(__name__, {
    "ScaledDotProductAttention.backward": [
        ("inner-product", "ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))", "ds = p * dp",
         "q k", "the softmax's derivative without the term that couples a row's entries"),
        ("scale-forgotten", "mt(ds) @ q * scale", "mt(ds) @ q",
         "k", "the scale goes into dq alone, because forward multiplied q with it"),
        ("scale-option", "1 / math.sqrt(q.shape[-1]) if self.scale is None else self.scale",
         "1 / math.sqrt(q.shape[-1])", "q k", "backward does not know of the option scale"),
        ("weights-not-transposed", "mt(p) @ dy", "mt(p / p.sum(axis=-2, keepdims=True)) @ dy",
         "v", "the weights are normalised again over the queries for dv"),
    ],
    "GroupedQueryAttention.backward": [
        ("mean-of-group", "*dk.shape[2:]).sum(axis=2)", "*dk.shape[2:]).mean(axis=2)",
         "k", "a mean over the query heads of a group"),
        ("order-of-heads", "(batch, heads, groups, *dv.shape[2:]).sum(axis=2)",
         "(batch, groups, heads, *dv.shape[2:]).sum(axis=1)", "v", "heads repeated as by tile"),
        ("last-head-of-group", "*dk.shape[2:]).sum(axis=2)", "*dk.shape[2:])[:, :, -1]",
         "k", "= for +=: the last head of the group overwrites"),
        ("softmax-inner", "(p * dp).sum", "dp.sum",
         "q k", "the row's sum is not weighted with the probabilities"),
    ],
    "MultiHeadAttention.backward": [
        ("weights-cotangent", "dp = dp + dmean[:, None] / self.heads", "pass",
         "query key in_weight in_bias", "the returned weights count as no output"),
        ("mean-of-heads", "dmean[:, None] / self.heads", "dmean[:, None]",
         "query key in_weight in_bias", "the mean over the heads is taken for a sum"),
        ("in-bias-of-values", "for d in projected", "for d in (*projected[:2], 0 * projected[2])",
         "in_bias", "no gradient for the third part of the packed bias"),
        ("out-weight-transposed", "self.split(dy @ out_weight)", "self.split(dy @ out_weight.T)",
         "query key value in_weight in_bias", "a square weight transposed by mistake"),
        ("width-of-all-heads", "math.sqrt(q.shape[-1])", "math.sqrt(q.shape[-1] * self.heads)",
         "query key in_weight in_bias", "the root of the whole width, not of one head's"),
    ],
    "LinearAttention.backward": [
        ("normaliser", "dnum @ mt(memory) + dz * total", "dnum @ mt(memory)",
         "q", "the normaliser is held constant"),
        ("key-normaliser", "(dz * a).sum(axis=-2, keepdims=True)", "dz.sum(axis=-2, keepdims=True)",
         "k", "the normaliser's gradient without the query's features"),
        ("elu", "np.minimum(b, 1)", "(b > 1)", "k", "the feature map's derivative is that of ReLU"),
        ("normaliser-twice", "dz = -(dnum * y)", "dz = -(dy * y)",
         "q k", "the normaliser's derivative is not divided by it"),
    ],
    "EfficientAttention.backward": [
        ("axis", "(b * db).sum(axis=-2, keepdims=True)", "(b * db).sum(axis=-1, keepdims=True)",
         "k", "the keys' softmax is over positions"),
        ("query", "dq = a * (da -", "dq = a * (1 - a) * (da -",
         "q", "the sigmoid's derivative within the softmax's"),
        ("values", "b @ dcontext", "b @ dcontext / b.shape[-2]", "v", "a mean over the positions"),
    ],
})  # fmt: skip
