"""Gradients of three Triton kernels, each in a right and in a wrong form, against PyTorch's.

No GPU is needed: Triton's interpreter runs the kernels on the CPU. It is asked for with
TRITON_INTERPRET, which has to be set before Triton is imported.
"""

from __future__ import annotations

import os

os.environ["TRITON_INTERPRET"] = "1"

from typing import Any

import hypothesis.strategies as st
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from gradproof import Check, real


@triton.jit
def softmax_forward(x_at, y_at, n, block: tl.constexpr):
    """One row: y = softmax(x)."""
    at, inside = tl.program_id(0) * n + tl.arange(0, block), tl.arange(0, block) < n
    x = tl.load(x_at + at, mask=inside, other=-float("inf"))
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(y_at + at, e / tl.sum(e, axis=0), mask=inside)


@triton.jit
def softmax_backward(y_at, dy_at, dx_at, n, block: tl.constexpr, right: tl.constexpr):
    """One row: dx = y (dy − Σ y dy)."""
    at, inside = tl.program_id(0) * n + tl.arange(0, block), tl.arange(0, block) < n
    y = tl.load(y_at + at, mask=inside, other=0.0)
    dy = tl.load(dy_at + at, mask=inside, other=0.0)
    # the wrong form has only the diagonal of the Jacobian
    dx = y * (dy - tl.sum(y * dy, axis=0)) if right else y * (1 - y) * dy
    tl.store(dx_at + at, dx, mask=inside)


class Softmax(torch.autograd.Function):
    """Softmax along rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, right: bool) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        ctx.shape, ctx.right = (x.shape[-1], triton.next_power_of_2(x.shape[-1])), right
        softmax_forward[(len(x),)](x, y, *ctx.shape)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        dx = torch.empty_like(y)
        softmax_backward[(len(y),)](y, dy.contiguous(), dx, *ctx.shape, ctx.right)
        return dx, None


@triton.jit
def silu_mul_forward(a_at, b_at, y_at, n, block: tl.constexpr):
    """One block: y = silu(a) b."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    a = tl.load(a_at + at, mask=at < n)
    b = tl.load(b_at + at, mask=at < n)
    tl.store(y_at + at, a * tl.sigmoid(a) * b, mask=at < n)


@triton.jit
def silu_mul_backward(a_at, b_at, dy_at, da_at, db_at, n, block: tl.constexpr, right: tl.constexpr):
    """One block: da = dy b silu′(a), db = dy silu(a)."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    a = tl.load(a_at + at, mask=at < n)
    b = tl.load(b_at + at, mask=at < n)
    dy = tl.load(dy_at + at, mask=at < n)
    s = tl.sigmoid(a)
    # the slope of the sigmoid is s (1 − s), which the wrong form forgets
    slope = s + a * s * (1 - s) if right else s + a * s * s
    tl.store(da_at + at, dy * b * slope, mask=at < n)
    tl.store(db_at + at, dy * a * s, mask=at < n)


class SiluMul(torch.autograd.Function):
    """silu(a) b, in one kernel."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, right: bool) -> Tensor:
        a, b = a.contiguous(), b.contiguous()
        y = torch.empty_like(a)
        silu_mul_forward[(triton.cdiv(a.numel(), 8),)](a, b, y, a.numel(), 8)
        ctx.save_for_backward(a, b)
        ctx.right = right
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        da, db, n = torch.empty_like(a), torch.empty_like(b), a.numel()
        silu_mul_backward[(triton.cdiv(n, 8),)](a, b, dy.contiguous(), da, db, n, 8, ctx.right)
        return da, db, None


@triton.jit
def layer_norm_forward(x_at, w_at, y_at, normal_at, rstd_at, n, block: tl.constexpr):
    """One row: y = w (x − mean) / std; saves the normalised row and 1 / std."""
    row, column = tl.program_id(0), tl.arange(0, block)
    at, inside = row * n + column, column < n
    x = tl.load(x_at + at, mask=inside, other=0.0)
    x = tl.where(inside, x - tl.sum(x, axis=0) / n, 0.0)
    rstd = 1 / tl.sqrt(tl.sum(x * x, axis=0) / n + 1e-5)
    tl.store(rstd_at + row, rstd)
    tl.store(normal_at + at, x * rstd, mask=inside)
    tl.store(y_at + at, x * rstd * tl.load(w_at + column, mask=inside, other=0.0), mask=inside)


@triton.jit
def layer_norm_backward(
    normal_at, rstd_at, w_at, dy_at, dx_at, dw_at, n, block: tl.constexpr, right: tl.constexpr
):
    """One row of dx, and its part of dw."""
    row, column = tl.program_id(0), tl.arange(0, block)
    at, inside = row * n + column, column < n
    normal = tl.load(normal_at + at, mask=inside, other=0.0)
    dy = tl.load(dy_at + at, mask=inside, other=0.0)
    g = dy * tl.load(w_at + column, mask=inside, other=0.0)
    # the block is as long as the row only where that is a power of two
    count = n if right else block
    mean, along = tl.sum(g, axis=0) / count, tl.sum(g * normal, axis=0) / count
    tl.store(dx_at + at, tl.load(rstd_at + row) * (g - mean - normal * along), mask=inside)
    tl.atomic_add(dw_at + column, dy * normal, mask=inside)


class LayerNorm(torch.autograd.Function):
    """Layer normalisation with a weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, right: bool) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        y, normal, rstd = torch.empty_like(x), torch.empty_like(x), x.new_empty(len(x))
        ctx.shape, ctx.right = (x.shape[-1], triton.next_power_of_2(x.shape[-1])), right
        layer_norm_forward[(len(x),)](x, weight, y, normal, rstd, *ctx.shape)
        ctx.save_for_backward(normal, rstd, weight)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        normal, rstd, weight = ctx.saved_tensors
        dx, dw = torch.empty_like(normal), torch.zeros_like(weight)
        layer_norm_backward[(len(normal),)](
            normal, rstd, weight, dy.contiguous(), dx, dw, *ctx.shape, ctx.right
        )
        return dx, dw, None


def rows(draw: Any) -> dict[str, Any]:
    """One array of rows."""
    return {"x": real(draw(st.integers(1, 4)), draw(st.integers(1, 9)))}


def pairs(draw: Any) -> dict[str, Any]:
    """Two arrays of one shape."""
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    return {"a": real(*shape), "b": real(*shape)}


def weighted(draw: Any) -> dict[str, Any]:
    """Rows, and a weight for each column."""
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    return {"x": real(n, m), "weight": real(m)}


def kernel(function: Any, right: bool) -> Any:
    """The function in one of its forms."""
    return lambda *tensors: function.apply(*tensors, right)


SINGLE = ("float32",)
checks = {
    f"{name}_{'right' if right else 'wrong'}": Check(
        kernel(function, right), reference, inputs, dtypes=SINGLE
    )
    for name, function, reference, inputs in (
        ("softmax", Softmax, lambda x: torch.softmax(x, -1), rows),
        ("silu_mul", SiluMul, lambda a, b: F.silu(a) * b, pairs),
        ("layer_norm", LayerNorm, lambda x, w: F.layer_norm(x, w.shape, w), weighted),
    )
    for right in (True, False)
}
