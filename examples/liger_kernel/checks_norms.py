"""Gradients of liger-kernel 0.8.5, against PyTorch's: normalisations."""

from __future__ import annotations

from functools import partial
from typing import Any

import hypothesis.strategies as st
import torch
import torch.nn.functional as F
from interpreted import judged
from liger_kernel import ops
from liger_kernel.ops import dyt, rms_norm
from torch import Tensor

from gradproof import Check, real, uniform

dyt.infer_device = lambda: "npu"  # on a CPU it does not say how many programs to start; this: 20
EPS = 1e-5


def shape_of(draw: Any) -> tuple[int, ...]:
    """Up to three axes; rows of a length that is no power of two, mostly."""
    return (*draw(st.sampled_from([(3,), (1, 2), (2, 3)])), draw(st.integers(1, 7)))


def rows(*others: str) -> Any:
    """x, and what has the length of its rows."""

    def inputs(draw: Any) -> dict[str, Any]:
        shape = shape_of(draw)
        return {"x": real(*shape)} | {name: real(shape[-1]) for name in others}

    return inputs


def groups(*others: int, near: bool = True) -> Any:
    """Images of four channels, near zero or anywhere, a weight and a bias."""
    numbers = partial(uniform, -2, 2) if near else real
    return lambda draw: {
        "x": numbers(draw(st.integers(1, 2)), 4, *(draw(st.integers(1, 3)) for _ in others)),
        "weight": real(4),
        "bias": real(4),
    }


def modulated(*kinds: str, each: str) -> Any:
    """x of shape (2, 3, n), and a scale for all rows, each batch or each row."""
    lead = {"all": (), "batch": (2,), "row": (2, 3)}[each]

    def inputs(draw: Any) -> dict[str, Any]:
        n = draw(st.integers(1, 5))
        return {"x": real(2, 3, n)} | {
            k: real(n) if k == "weight" else real(*lead, n) for k in kinds
        }

    return inputs


def by_blocks(x: Tensor, weight: Tensor) -> Tensor:
    """RMSNorm by the kernels that are meant for 32768 rows or more."""
    return Blocks.apply(x, weight)


class Blocks(torch.autograd.Function):
    """Starts both kernels as `rms_norm_forward` and `rms_norm_backward` do."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        (n, m), block = x.shape, rms_norm.calculate_settings(x.shape[1])[0]
        y, rstd = torch.empty_like(x), x.new_empty(n)
        rms_norm._block_rms_norm_forward_kernel[((n + 15) // 16,)](
            y, m, x, m, weight, 1, rstd, 1, n, m, EPS, 0.5, 0, True, block, 16
        )
        ctx.save_for_backward(x, weight, rstd)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, weight, rstd = ctx.saved_tensors
        (n, m), block = x.shape, rms_norm.calculate_settings(x.shape[1])[0]
        dx, dw, kind = torch.empty_like(x), x.new_empty(2, m), rms_norm.torch_to_triton_dtype
        given = (dy.contiguous(), m, dx, m, x, m, kind[x.dtype], weight, 1, rstd, 1, dw, m)
        rms_norm._block_rms_norm_backward_kernel[(2,)](*given, n, m, 0.5, 0, True, block, 16)
        return dx, dw.sum(0)


def rms(x: Tensor, weight: Tensor | None = None, offset: float = 0.0) -> Tensor:
    """RMSNorm, by PyTorch's kernel."""
    return F.rms_norm(x, x.shape[-1:], None if weight is None else weight + offset, EPS)


def rms_by(mode: str, offset: float, row_mode: bool | None = None) -> Any:
    """Liger's RMSNorm in one of its modes."""
    apply = ops.LigerRMSNormFunction.apply
    return judged(lambda x, w: apply(x, w, EPS, offset, mode, True, row_mode))


def modulated_rms(x: Tensor, weight: Any, scale: Tensor, shift: Any, offset: float = 0.0) -> Tensor:
    """(1 + scale) · RMSNorm(x) + shift, where scale may have fewer rows."""
    lift = lambda t: t.unsqueeze(1) if t.ndim == 2 else t  # noqa: E731
    y = rms(x, weight, offset) * (1 + lift(scale))
    return y if shift is None else y + lift(shift)


def poly(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A sum of normalised powers."""
    powers = [F.rms_norm(x**p, x.shape[-1:], eps=1e-6) for p in (3, 2, 1)]
    return sum(w * p for w, p in zip(weight, powers, strict=True)) + bias


def attention_over_depth(v: Tensor, query: Tensor, weight: Tensor) -> Tensor:
    """Softmax over blocks of a query with the normalised blocks."""
    scores = (F.rms_norm(v, v.shape[-1:], weight, EPS) * query).sum(-1)
    return (torch.softmax(scores, 0).unsqueeze(-1) * v).sum(0)


def blocks(draw: Any) -> dict[str, Any]:
    """Up to five blocks of tokens; more than four need another loop."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return {"v": real(n, 2, 2, m), "query": real(m), "weight": real(m)}


modulate = ops.LigerModulatedRMSNormFunction.apply
add = ops.LigerFusedAddRMSNormFunction.apply
tanh_norm = ops.LigerDyTFunction.apply
group = ops.LigerGroupNormFunction.apply
SINGLE: dict[str, Any] = {"dtypes": ("float32",)}
two = {"x": real(3, 5), "weight": real(3), "bias": real()}

checks = {
    "rms_llama": Check(rms_by("llama", 0.0), rms, rows("weight"), **SINGLE),
    "rms_gemma": Check(rms_by("gemma", 1.0), lambda x, w: rms(x, w, 1.0), rows("weight"), **SINGLE),
    "rms_none": Check(rms_by("none", 0.5), lambda x, w: rms(x, w, 0.5), rows("weight"), **SINGLE),
    "rms_no_weight": Check(
        judged(lambda x: ops.LigerRMSNormFunction.apply(x, None, EPS)), rms, rows(), **SINGLE
    ),
    "rms_blocks": Check(
        judged(by_blocks),
        lambda x, weight: rms(x, weight, 0.5),
        lambda draw: {"x": real(draw(st.integers(1, 40)), 3), "weight": real(3)},
        **SINGLE,
    ),
    "layer_norm": Check(
        judged(lambda x, w, b: ops.LigerLayerNormFunction.apply(x, w, b, EPS)),
        lambda x, w, b: F.layer_norm(x, w.shape, w, b, EPS),
        rows("weight", "bias"),
        **SINGLE,
    ),
    "group_norm_1d": Check(
        judged(lambda x, w, b: group(x, w, b, 4, 2, EPS)),
        lambda x, w, b: F.group_norm(x, 2, w, b, EPS),
        groups(1, near=False),
        **SINGLE,
    ),
    "group_norm_2d": Check(
        judged(lambda x, w, b: group(x, w, b, 4, 2, EPS)),
        lambda x, w, b: F.group_norm(x, 2, w, b, EPS),
        groups(1, 2),
        **SINGLE,
    ),
    "group_norm_instance": Check(
        judged(lambda x, w, b: group(x, w, b, 4, 4, EPS)),
        lambda x, w, b: F.group_norm(x, 4, w, b, EPS),
        {"x": uniform(-2, 2, 2, 4, 3), "weight": real(4), "bias": real(4)},
        **SINGLE,
    ),
    "modulated_rows": Check(
        judged(lambda x, w, a, b: modulate(x, w, a, b, EPS, 1.0, "gemma")),
        lambda x, w, a, b: modulated_rms(x, w, a, b, 1.0),
        modulated("weight", "scale", "shift", each="row"),
        **SINGLE,
    ),
    "modulated_batch": Check(
        judged(lambda x, w, a, b: modulate(x, w, a, b, EPS)),
        modulated_rms,
        modulated("weight", "scale", "shift", each="batch"),
        **SINGLE,
    ),
    "modulated_all": Check(
        judged(lambda x, w, a: modulate(x, w, a, None, EPS, 0.5, "none")),
        lambda x, w, a: modulated_rms(x, w, a, None, 0.5),
        modulated("weight", "scale", each="all"),
        **SINGLE,
    ),
    "modulated_no_weight": Check(
        judged(lambda x, a, b: modulate(x, None, a, b, EPS)),
        lambda x, a, b: modulated_rms(x, None, a, b),
        modulated("scale", "shift", each="batch"),
        **SINGLE,
    ),
    "add_rms_llama": Check(
        judged(lambda x, r, w: add(x, r, w, EPS)),
        lambda x, r, w: (rms(x + r, w), x + r),
        lambda draw: (shape := shape_of(draw)) and (real(*shape), real(*shape), real(shape[-1])),
        **SINGLE,
    ),
    "add_rms_gemma": Check(
        judged(lambda x, r, w: add(x, r, w, EPS, 1.0, "gemma", True)),
        lambda x, r, w: (rms(x + r, w, 1.0), x + r),
        lambda draw: (shape := shape_of(draw)) and (real(*shape), real(*shape), real(shape[-1])),
        **SINGLE,
    ),
    "dyt": Check(
        judged(tanh_norm),
        lambda x, a, w, b: torch.tanh(a * x) * w + b,
        lambda draw: (
            (shape := shape_of(draw)) and (real(*shape), real(1), real(shape[-1]), real(shape[-1]))
        ),
        **SINGLE,
    ),
    "dyt_no_bias": Check(
        judged(lambda x, a, w: tanh_norm(x, a, w, None)),
        lambda x, a, w: torch.tanh(a * x) * w,
        lambda draw: (shape := shape_of(draw)) and (real(*shape), real(1), real(shape[-1])),
        **SINGLE,
    ),
    "poly_norm": Check(judged(ops.LigerPolyNormFunction.apply), poly, two, **SINGLE),
    "attention_residual": Check(
        judged(lambda v, q, w: ops.LigerAttnResFunction.apply(v, q, w, EPS)),
        attention_over_depth,
        blocks,
        **SINGLE,
    ),
}
