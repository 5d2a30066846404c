"""Gradients of liger-kernel 0.8.5, against PyTorch's: activations, attention, embeddings."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import torch
import torch.nn.functional as F
from interpreted import judged
from liger_kernel import ops
from liger_kernel.ops import swiglu
from torch import Tensor

from gradproof import Check, choice, index, real, uniform

SINGLE: dict[str, Any] = {"dtypes": ("float32",)}
ANGLES = (-1.0, -0.5, 0.0, 0.6, 0.8)


def same(count: int, last: int = 0) -> Any:
    """So many arrays of one shape."""

    def inputs(draw: Any) -> tuple[Any, ...]:
        lead = draw(st.sampled_from([(), (3,), (2, 3)]))
        shape = (*lead, last or draw(st.integers(1, 7)))
        return tuple(real(*shape) for _ in range(count))

    return inputs


def in_tiles(a: Tensor, b: Tensor) -> Tensor:
    """Swiglu by the kernels that are meant for long rows on a Blackwell GPU."""
    kept = swiglu._should_tile, swiglu._SWIGLU_TILE
    swiglu._should_tile, swiglu._SWIGLU_TILE = (lambda _: True), 4
    try:
        return Tiles.apply(a, b)
    finally:
        swiglu._should_tile, swiglu._SWIGLU_TILE = kept


class Tiles(torch.autograd.Function):
    """Liger's own functions, in tiles both ways."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        a, b, c = swiglu.swiglu_forward(a.contiguous(), b.contiguous(), 1.5)
        ctx.save_for_backward(a, b)
        return c

    @staticmethod
    def backward(ctx: Any, dc: Tensor) -> tuple[Tensor, Tensor]:
        kept = swiglu._should_tile, swiglu._SWIGLU_TILE
        swiglu._should_tile, swiglu._SWIGLU_TILE = (lambda _: True), 4
        try:
            return swiglu.swiglu_backward(*ctx.saved_tensors, dc.contiguous(), 1.5)
        finally:
            swiglu._should_tile, swiglu._SWIGLU_TILE = kept


def sparsemax(x: Tensor, dim: int) -> Tensor:
    """The projection onto the simplex; differentiated through its threshold."""
    x = x.transpose(dim, -1)
    ordered = x.sort(-1, descending=True).values
    count = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    size = (1 + count * ordered > ordered.cumsum(-1)).sum(-1, keepdim=True)
    threshold = (ordered.cumsum(-1).gather(-1, size - 1) - 1) / size
    return torch.relu(x - threshold).transpose(dim, -1)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Both halves of the first entries of a head rotated; the rest stays."""
    n = 2 * cos.shape[-1]
    a, b, rest = x[..., : n // 2], x[..., n // 2 : n], x[..., n:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


def rope(width: int, batch: int = 1, given: int | None = None) -> Check:
    """A check of rotary embeddings of so many entries of heads of six."""
    half = width // 2
    apply = ops.LigerRopeFunction.apply

    def func(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> Any:
        if given is None:
            cos, sin = (torch.cat([t, t], -1) for t in (cos, sin))
        return apply(q, k, cos, sin, None, 1, given)

    def reference(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(rotated(t, cos.unsqueeze(1), sin.unsqueeze(1)) for t in (q, k))

    inputs = {"q": real(2, 3, 2, 6), "k": real(2, 1, 2, 6)}
    angles = {name: choice(ANGLES, batch, 2, half) for name in ("cos", "sin")}
    return Check(judged(func, 2, 3), reference, inputs | angles, **SINGLE)


def complex_rope(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
    """Neighbours rotated, as complex numbers are."""

    def turned(x: Tensor) -> Tensor:
        a, b = x[..., ::2], x[..., 1::2]
        c, s = cos.unsqueeze(1), sin.unsqueeze(1)
        return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)

    return turned(q), turned(k)


def three_axes(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
    """Rotary embeddings whose angles come from three axes: 1, 2 and 1 of four entries."""
    pick = lambda t: torch.cat([t[0, ..., :1], t[1, ..., 1:3], t[2, ..., 3:4]], -1)  # noqa: E731
    c, s = pick(cos).unsqueeze(1), pick(sin).unsqueeze(1)
    return rotated(q, c, s), rotated(k, c, s)


def many_tokens(sparse: bool, padding: int = 1, groups: int = 1, dilation: int = 1) -> Check:
    """A check of multi-token attention on a triangle of five tokens."""
    apply, later = ops.LigerMultiTokenAttentionFunction.apply, torch.ones(5, 5).triu(1).bool()
    size = 1 + 2 * padding // dilation

    def reference(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = x.masked_fill(later, -1e9)
        share = sparsemax(x, -1) if sparse else torch.softmax(x, -1)
        y = F.conv2d(share, weight, bias, 1, padding, dilation, groups)
        return y.masked_fill(later, 0)

    return Check(
        judged(lambda x, w, b: apply(x, w, b, 1, padding, dilation, groups, sparse)),
        reference,
        {
            "x": uniform(-2, 2, 1, 2, 5, 5),
            "weight": real(2, 2 // groups, size, size),
            "bias": real(2),
        },
        **SINGLE,
    )


def neighbours(size: int, dilation: int, scale: float | None) -> Check:
    """A check of attention to a neighbourhood on a line of six tokens."""
    apply = ops.LigerFusedNeighborhoodAttentionFunction.apply
    far = torch.arange(6).unsqueeze(1) - torch.arange(6)
    near = (far.abs() <= (size // 2) * dilation) & (far % dilation == 0)

    def reference(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, near, scale=scale)

    return Check(
        judged(lambda q, k, v: apply(q, k, v, size, dilation, scale)),
        reference,
        {name: real(1, 2, 6, 3) for name in "qkv"},
        **SINGLE,
    )


def streams(x: Tensor, f: Tensor, post: Tensor, res: Tensor) -> Tensor:
    """Hyper-connections: streams are mixed, and a layer's output is added to each."""
    return torch.einsum("noi,nic->noc", res, x) + post.unsqueeze(-1) * f.unsqueeze(1)


def coefficients(x: Tensor, phi: Tensor, b: Tensor, pre: Tensor, post: Tensor, res: Tensor) -> Any:
    """Hyper-connections' coefficients of two streams: two sigmoids and three Sinkhorn steps."""
    mix = F.rms_norm(x.flatten(1), (x[0].numel(),), eps=1e-6) @ phi
    first = torch.sigmoid(mix[:, :2] * pre + b[:2]) + 1e-3
    second = 2 * torch.sigmoid(mix[:, 2:4] * post + b[2:4])
    m = torch.softmax((mix[:, 4:] * res + b[4:]).view(-1, 2, 2), -1) + 1e-4
    m = m / (m.sum(1, keepdim=True) + 1e-4)
    for _ in range(2):
        m = m / (m.sum(2, keepdim=True) + 1e-4)
        m = m / (m.sum(1, keepdim=True) + 1e-4)
    return first, second, m


silu_mul = ops.LigerSiLUMulFunction.apply
checks = {
    "swiglu": Check(judged(silu_mul), lambda a, b: F.silu(a) * b, same(2), **SINGLE),
    "swiglu_scaled": Check(
        judged(lambda a, b: silu_mul(a, b, 1.5, -0.5)),
        lambda a, b: F.silu(1.5 * a) * b * -0.5,
        same(2),
        **SINGLE,
    ),
    "swiglu_tiles": Check(judged(in_tiles), lambda a, b: F.silu(1.5 * a) * b, same(2), **SINGLE),
    "swiglu_fused": Check(
        judged(ops.LigerFusedGateUpSiLUMulFunction.apply),
        lambda x: F.silu(x[..., :3]) * x[..., 3:],
        same(1, 6),
        **SINGLE,
    ),
    "swiglu_fused_2d": Check(
        judged(ops.LigerFusedGateUpSiLUMulFunction.apply),
        lambda x: F.silu(x[..., :3]) * x[..., 3:],
        {"x": real(5, 6)},
        **SINGLE,
    ),
    "swiglu_fused_in_place": Check(
        judged(lambda x: ops.LigerFusedGateUpSiLUMulFunction.apply(x, True)),
        lambda x: F.silu(x[..., :3]) * x[..., 3:],
        {"x": real(5, 6)},
        **SINGLE,
    ),
    "geglu": Check(
        judged(ops.LigerGELUMulFunction.apply),
        lambda a, b: F.gelu(a, approximate="tanh") * b,
        same(2),
        **SINGLE,
    ),
    "relu_squared": Check(
        judged(ops.LigerReLUSquaredFunction.apply), lambda x: F.relu(x).square(), same(1), **SINGLE
    ),
    "softmax": Check(
        judged(ops.LigerSoftmaxFunction.apply), lambda x: torch.softmax(x, -1), same(1), **SINGLE
    ),
    "sparsemax": Check(
        judged(lambda x: ops.LigerSparsemaxFunction.apply(x, -1)),
        lambda x: sparsemax(x, -1),
        same(1),
        conventions="an entry at the threshold, which gets 0, has no gradient",
        **SINGLE,
    ),
    "sparsemax_first_axis": Check(
        judged(lambda x: ops.LigerSparsemaxFunction.apply(x, 0)),
        lambda x: sparsemax(x, 0),
        {"x": real(4, 2, 3)},
        conventions="an entry at the threshold, which gets 0, has no gradient",
        **SINGLE,
    ),
    "rope": rope(6),
    "rope_batch": rope(6, 2),
    "rope_partial": rope(4),
    "rope_half_given": rope(4, 1, 4),
    "rope_complex": Check(
        judged(
            lambda q, k, c, s: tuple(
                t.transpose(1, 2)
                for t in ops.LigerLlama4RopeFunction.apply(
                    q.transpose(1, 2), k.transpose(1, 2), torch.complex(c, s)
                )
            ),
            2,
            3,
        ),
        complex_rope,
        {
            "q": real(2, 3, 2, 6),
            "k": real(2, 1, 2, 6),
            "cos": choice(ANGLES, 1, 2, 3),
            "sin": choice(ANGLES, 1, 2, 3),
        },
        **SINGLE,
    ),
    "rope_three_axes": Check(
        judged(
            lambda q, k, c, s: ops.LigerQwen2VLMRopeFunction.apply(
                q, k, torch.cat([c, c], -1), torch.cat([s, s], -1), [1, 2, 1]
            ),
            2,
            3,
        ),
        three_axes,
        {
            "q": real(2, 3, 2, 8),
            "k": real(2, 1, 2, 8),
            "cos": choice(ANGLES, 3, 2, 2, 4),
            "sin": choice(ANGLES, 3, 2, 2, 4),
        },
        **SINGLE,
    ),
    "embedding": Check(
        judged(ops.LigerEmbeddingFunction.apply),
        lambda table, at: F.embedding(at, table),
        lambda draw: {"table": real(3, draw(st.integers(1, 5))), "at": index(3, 2, 4)},
        **SINGLE,
    ),
    "many_tokens": many_tokens(False),
    "many_tokens_groups": many_tokens(False, groups=2),
    "many_tokens_dilated": many_tokens(False, padding=2, dilation=2),
    "many_tokens_sparse": many_tokens(True),
    "neighbours": neighbours(3, 1, None),
    "neighbours_dilated": neighbours(3, 2, 0.5),
    "streams_in": Check(
        judged(ops.LigerMHCPreFunction.apply),
        lambda x, weight: (x * weight.unsqueeze(-1)).sum(-2),
        {"x": real(3, 4, 5), "weight": real(3, 4)},
        **SINGLE,
    ),
    "streams_out": Check(
        judged(ops.LigerMHCPostResFunction.apply),
        streams,
        {"x": real(3, 4, 5), "f": real(3, 5), "post": real(3, 4), "res": real(3, 4, 4)},
        **SINGLE,
    ),
    "streams_coefficients": Check(
        judged(
            lambda x, phi, b, pre, post, res: ops.LigerMHCCoeffsFunction.apply(
                x, phi, b, pre, post, res, True, 3, 1e-6, 1e-3, 1e-4, 2.0
            )
        ),
        coefficients,
        {
            "x": real(3, 2, 3),
            "phi": real(6, 8),
            "b": real(8),
            "pre": real(),
            "post": real(),
            "res": real(),
        },
        **SINGLE,
    ),
}
