"""Attention of which something is hidden, or to which something is added."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import choice, real, spec
from tests.outsiders.common import attention_shapes, bugs, cases, mt, softmax, twin


@dataclass(frozen=True)
class CausalAttention:
    """y = softmax(q kᵀ / √E over the keys j ≤ i) v; torch's fused kernel."""

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real"}

    def forward(self, q: Any, k: Any, v: Any) -> Any:
        seen = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
        scores = (q / math.sqrt(q.shape[-1])) @ mt(k)
        p = softmax(np.where(seen, scores, -np.inf))
        return p @ v, (q, k, v, p)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, k, v, p = saved
        dp = dy @ mt(v)
        inner = (dp * p).sum(axis=-1, keepdims=True)
        ds = p * (dp - inner) / math.sqrt(q.shape[-1])
        return {"q": ds @ k, "k": mt(ds) @ q, "v": mt(p) @ dy}


@cases(CausalAttention, rank=(4, 4), empty=False)
def causal_attention(draw, x):
    q, k, v = attention_shapes(draw, x)
    return spec(CausalAttention(), q=real(*q), k=real(*k), v=real(*v))


@twin.register
def _(layer: CausalAttention, q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@dataclass(frozen=True)
class MaskedAttention:
    """y = softmax(q kᵀ / √E over the keys whose mask is 1) v; 0 without any; torch's kernel."""

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real", "seen": "buffer"}

    def forward(self, q: Any, k: Any, v: Any, seen: Any) -> Any:
        scores = (q / math.sqrt(q.shape[-1])) @ mt(k)
        p = softmax(np.where(seen > 0, scores, -np.inf))
        return p @ v, (q, k, v, p)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, k, v, p = saved
        dp = dy @ mt(v)
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
        ds = ds / math.sqrt(q.shape[-1])
        return {"q": ds @ k, "k": mt(ds) @ q, "v": mt(p) @ dy}


@cases(MaskedAttention, rank=(4, 4), empty=False)
def masked_attention(draw, x):
    q, k, v = attention_shapes(draw, x)
    batch, heads = draw(st.sampled_from([x[:2], (x[0], 1), (1, 1)]))
    seen = choice((0.0, 1.0, 1.0), batch, heads, q[2], k[2])
    return spec(MaskedAttention(), q=real(*q), k=real(*k), v=real(*v), seen=seen)


@twin.register
def _(layer: MaskedAttention, q, k, v, seen):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen > 0)


@dataclass(frozen=True)
class BiasedAttention:
    """y = softmax(q kᵀ / √E + bias) v, with a gradient for the bias; torch's kernel."""

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real", "bias": "param"}

    def forward(self, q: Any, k: Any, v: Any, bias: Any) -> Any:
        p = softmax((q / math.sqrt(q.shape[-1])) @ mt(k) + bias)
        return p @ v, (q, k, v, p, bias.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, k, v, p, shape = saved
        root = math.sqrt(q.shape[-1])
        dp = dy @ mt(v)
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
        repeated = tuple(i for i, n in enumerate(shape) if n == 1)
        dbias = ds.sum(axis=repeated, keepdims=True)
        return {"q": ds @ k / root, "k": mt(ds) @ q / root, "v": mt(p) @ dy, "bias": dbias}


@cases(BiasedAttention, rank=(4, 4), empty=False)
def biased_attention(draw, x):
    q, k, v = attention_shapes(draw, x)
    batch, heads = draw(st.sampled_from([x[:2], (x[0], 1), (1, x[1]), (1, 1)]))
    bias = real(batch, heads, q[2], k[2])
    return spec(BiasedAttention(), q=real(*q), k=real(*k), v=real(*v), bias=bias)


@twin.register
def _(layer: BiasedAttention, q, k, v, bias):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


@dataclass(frozen=True)
class AlibiAttention:
    """y = softmax(q kᵀ / √E − slope |i − j|) v with a slope for each head; torch's kernel."""

    causal: bool = False

    def argument_kinds(self, count: int) -> Any:
        return {"q": "real", "k": "real", "v": "real", "slopes": "param"}

    def forward(self, q: Any, k: Any, v: Any, slopes: Any) -> Any:
        rows, columns = np.arange(q.shape[-2])[:, None], np.arange(k.shape[-2])
        distance = np.abs(rows - columns).astype(q.real.dtype)
        scores = (q / math.sqrt(q.shape[-1])) @ mt(k) - slopes[:, None, None] * distance
        if self.causal:
            scores = np.where(columns <= rows, scores, -np.inf)
        p = softmax(scores)
        return p @ v, (q, k, v, p, distance)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, k, v, p, distance = saved
        root = math.sqrt(q.shape[-1])
        dp = dy @ mt(v)
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
        dslopes = -(ds * distance).sum(axis=(0, 2, 3))
        return {"q": ds @ k / root, "k": mt(ds) @ q / root, "v": mt(p) @ dy, "slopes": dslopes}


@cases(AlibiAttention, rank=(4, 4), empty=False)
def alibi_attention(draw, x):
    q, k, v = attention_shapes(draw, x)
    layer = AlibiAttention(draw(st.booleans()))
    return spec(layer, q=real(*q), k=real(*k), v=real(*v), slopes=real(x[1]))


@twin.register
def _(layer: AlibiAttention, q, k, v, slopes):
    place = torch.arange(q.shape[2])[:, None] - torch.arange(k.shape[2])
    bias = -slopes[:, None, None] * place.abs().to(q.dtype)
    if layer.causal:
        bias = bias.masked_fill(place < 0, -torch.inf)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])


BUGS = bugs(__name__, {
    "CausalAttention.backward": [
        ("inner-axis", "sum(axis=-1, keepdims=True)", "sum(axis=-2, keepdims=True)",
         "q k", "the softmax is over keys, the sum over queries"),
        ("mask-from-the-end", "mt(p) @ dy", "mt(np.tril(p, p.shape[-1] - p.shape[-2])) @ dy",
         "v", "a mask aligned at the lower right corner, as other libraries have it"),
        ("diagonal-left-out", "ds = p * (dp - inner)", "ds = np.tril(p, -1) * (dp - inner)",
         "q k", "backward hides the diagonal too"),
        ("width-of-values", "math.sqrt(q.shape[-1])", "math.sqrt(v.shape[-1])",
         "q k", "the root of the values' width, not of the queries'"),
    ],
    "MaskedAttention.backward": [
        ("softmax-of-all", "ds = p * (dp -", "ds = (p + (p == 0)) * (dp -",
         "q k", "hidden keys get a gradient: the mask is not applied in backward"),
        ("no-scale", "ds = ds / math.sqrt(q.shape[-1])", "",
         "q k", "the scale of the scores is missing in backward"),
        ("value-mean", "mt(p) @ dy", "mt((p > 0) / p.shape[-1]) @ dy",
         "v", "dv from the mask instead of the weights"),
        ("saved-key", "mt(ds) @ q", "mt(ds) @ q * (q > 0)[..., :1, :]",
         "k", "dk is cut off where the first query is negative"),
    ],
    "BiasedAttention.backward": [
        ("batch-not-summed", "ds.sum(axis=repeated, keepdims=True)",
         "ds.mean(axis=repeated, keepdims=True)", "bias", "a mean over the broadcast axes"),
        ("first-example", ".sum(axis=repeated,", "[: shape[0], : shape[1]].sum(axis=repeated[2:],",
         "bias", "the first example's gradient instead of the sum over the batch"),
        ("bias-scaled", "dbias = ds.sum(", "dbias = 1 / root * ds.sum(",
         "bias", "the bias was added after the scale, which its gradient has nevertheless"),
        ("query-transposed", "mt(ds) @ q / root", "mt(ds) @ q * root",
         "k", "the root on the wrong side of the fraction"),
    ],
    "AlibiAttention.backward": [
        ("sign", "-(ds * distance)", "(ds * distance)", "slopes", "the sign of the distance"),
        ("batch", "(ds * distance).sum(axis=(0, 2, 3))", "(ds * distance)[0].sum(axis=(1, 2))",
         "slopes", "the sum over the batch is missing"),
        ("weights-for-scores", "(ds * distance)", "(dp * distance)",
         "slopes", "the weights' gradient in place of the scores'"),
        ("slopes-scaled", "sum(axis=(0, 2, 3))", "sum(axis=(0, 2, 3)) / root",
         "slopes", "the scores' scale, which the distance does not have"),
    ],
})  # fmt: skip
