"""The arithmetic of a kernel: in float32 with one rounding at the end, or with a mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LOWER = {torch.bfloat16: torch.float8_e4m3fn, torch.float16: torch.bfloat16}
"""The next lower precision."""


class Arithmetic:
    """The right one: what a kernel loads is raised to float32, and stored once, at the end."""

    def __init__(self, low: torch.dtype) -> None:
        self.low = low

    def load(self, t: Tensor) -> Tensor:
        return t.float() if t.is_floating_point() else t

    def keep(self, t: Tensor) -> Tensor:
        """An intermediate result."""
        return t

    def sum(self, t: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
        return t.sum(dim, keepdim)

    def mm(self, a: Tensor, b: Tensor) -> Tensor:
        """A matrix product, batched."""
        return self.sum(a[..., :, :, None] * b[..., None, :, :], -2)


class SecondRounding(Arithmetic):
    """Intermediate results are stored in low precision, too."""

    def keep(self, t: Tensor) -> Tensor:
        return t.to(self.low).float()


class LowAccumulator(Arithmetic):
    """Sums are added up in low precision."""

    def sum(self, t: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
        dims = [d % t.ndim for d in ((dim,) if isinstance(dim, int) else dim)]
        rest = [d for d in range(t.ndim) if d not in dims]
        total = torch.zeros([t.shape[d] for d in rest])
        for term in t.permute(*dims, *rest).reshape(-1, *total.shape):
            total = (total + term).to(self.low).float()
        return (
            total.reshape([1 if d in dims else n for d, n in enumerate(t.shape)])
            if keepdim
            else total
        )


class NextLower(Arithmetic):
    """What is loaded is rounded to the next lower precision."""

    def load(self, t: Tensor) -> Tensor:
        return t.to(LOWER[self.low]).float() if t.is_floating_point() else t


MISTAKES = (SecondRounding, LowAccumulator, NextLower)


def kernel(
    forward: Callable[..., tuple[Tensor, tuple[Any, ...]]],
    backward: Callable[..., tuple[Tensor, ...]],
    arithmetic: type[Arithmetic],
) -> Callable[..., Tensor]:
    """A function of tensors of low precision, with its backward.

    forward     forward(arithmetic, *inputs) → (y, saved)
    backward    backward(arithmetic, saved, dy) → a gradient for each input that floats
    """

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Tensor) -> Tensor:
            ctx.arithmetic = a = arithmetic(inputs[0].dtype)
            ctx.floating = [t.is_floating_point() for t in inputs]
            y, ctx.kept = forward(a, *map(a.load, inputs))
            return y.to(a.low)

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Any:
            a = ctx.arithmetic
            grads = iter(backward(a, ctx.kept, a.load(dy)))
            return tuple(next(grads).to(a.low) if f else None for f in ctx.floating)

    return Kernel.apply
