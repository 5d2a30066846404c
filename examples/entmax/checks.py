"""Gradients of entmax 1.3, against PyTorch's: sparse softmaxes and their losses.

The references find the threshold by bisection and then take one Newton step, which carries its
derivative. Inputs are small, so that supports have several entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import entmax
import torch
from torch import Tensor

from gradproof import Check, index, uniform

Fn = Callable[..., Tensor]


def support(x: Tensor, p: Callable[[Tensor, Tensor], Tensor], total: Any = 1.0) -> Tensor:
    """The threshold t of each row, where p(x, t).sum() = total: bisection, then one Newton step.

    The step is differentiable, and so carries the threshold's derivative (the implicit function).
    """
    with torch.no_grad():
        low, high = x.amin(-1, keepdim=True) - 3, x.amax(-1, keepdim=True) + 3
        for _ in range(80):
            middle = (low + high) / 2
            over = p(x, middle).sum(-1, keepdim=True) >= total
            low, high = torch.where(over, middle, low), torch.where(over, high, middle)
    t = low.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(p(x.detach(), t).sum(), t)
    return low - (p(x, low).sum(-1, keepdim=True) - total) / slope


def along(f: Fn, dim: int) -> Fn:
    return lambda x, *rest: f(x.movedim(dim, -1), *rest).movedim(-1, dim)


def tsallis(alpha: Any) -> Fn:
    """entmax for a number or a tensor alpha; powers are taken of what is positive only."""

    def p(v: Tensor, t: Tensor) -> Tensor:
        z = v - t
        return torch.where(z > 0, torch.where(z > 0, z, 1.0) ** (1 / (alpha - 1)), 0.0)

    return lambda x: p((alpha - 1) * x, support((alpha - 1) * x, p))


def tsallis_of(x: Tensor, alpha: Tensor) -> Tensor:
    return tsallis(alpha)(x)


def budget(k: float) -> Fn:
    p = lambda x, t: (x - t).clamp(0, 1)  # noqa: E731
    return lambda x: p(x, support(x, p, k))


def normmax(alpha: float) -> Fn:
    def p(x: Tensor, t: Tensor) -> Tensor:
        z = x - t
        return torch.where(z > 0, torch.where(z > 0, z, 1.0) ** (1 / (alpha - 1)), 0.0)

    def f(x: Tensor) -> Tensor:
        y = p(x, support(x, lambda v, t: p(v, t) ** alpha))
        return y / y.sum(-1, keepdim=True)

    return f


def loss(f: Fn, omega: Fn) -> Fn:
    """The Fenchel–Young loss: ⟨p, x⟩ − x_target + Ω(p). Its gradient is p − e_target."""

    def g(x: Tensor, target: Tensor) -> Tensor:
        p = f(x)
        chosen = x.gather(1, target.long()[:, None]).squeeze(1)
        return (p * x).sum(1) - chosen + omega(p)

    return g


def entropy(alpha: float) -> Fn:
    return lambda p: (1 - torch.where(p > 0, p, 0.0).pow(alpha).sum(1)) / (alpha * (alpha - 1))


def norm_entropy(alpha: float) -> Fn:
    return lambda p: 1 - p.pow(alpha).sum(1) ** (1 / alpha)


X = uniform(-1, 1, 3, 5)
CUBE = uniform(-1, 1, 2, 4, 3)
LOSS = (uniform(-1, 1, 3, 5), index(5, 3))
EDGE = "ties at the edge of the support"


def check(f: Fn, reference: Fn, *inputs: Any) -> Check:
    return Check(f, reference, inputs, conventions=EDGE)


e = entmax
long = lambda f, **kw: lambda x, t: f(x, t.long(), **kw)  # noqa: E731
checks = {
    "sparsemax": check(e.sparsemax, tsallis(2.0), X),
    "sparsemax_dim": check(lambda x: e.sparsemax(x, dim=1), along(tsallis(2.0), 1), CUBE),
    "sparsemax_dim_negative": check(lambda x: e.sparsemax(x, -2), along(tsallis(2.0), 1), CUBE),
    "sparsemax_k": check(lambda x: e.sparsemax(x, dim=0, k=2), along(tsallis(2.0), 0), X),
    "entmax15": check(e.entmax15, tsallis(1.5), X),
    "entmax15_dim": check(lambda x: e.entmax15(x, dim=1), along(tsallis(1.5), 1), CUBE),
    "entmax15_k": check(lambda x: e.entmax15(x, k=2), tsallis(1.5), X),
    "sparsemax_bisect": check(e.sparsemax_bisect, tsallis(2.0), X),
    "sparsemax_bisect_dim": check(
        lambda x: e.sparsemax_bisect(x, dim=0), along(tsallis(2.0), 0), CUBE
    ),
    "entmax_bisect": check(e.entmax_bisect, tsallis(1.5), X),
    "entmax_bisect_13": check(
        lambda x: e.entmax_bisect(x, 1.3, dim=1), along(tsallis(1.3), 1), CUBE
    ),
    "entmax_bisect_25": check(lambda x: e.entmax_bisect(x, 2.5), tsallis(2.5), X),
    "entmax_bisect_alpha": check(e.entmax_bisect, tsallis_of, X, uniform(1.2, 1.9, 3, 1)),
    "entmax_bisect_alpha_one": check(e.entmax_bisect, tsallis_of, X, uniform(1.2, 1.9, 1)),
    "normmax_bisect": check(e.normmax_bisect, normmax(2.0), X),
    "normmax_bisect_15": check(
        lambda x: e.normmax_bisect(x, 1.5, dim=1), along(normmax(1.5), 1), CUBE
    ),
    "budget_bisect": check(e.budget_bisect, budget(2), X),
    "budget_bisect_dim": check(lambda x: e.budget_bisect(x, 1.5, dim=0), along(budget(1.5), 0), X),
    "budget_bisect_one": check(e.budget_bisect, budget(2), uniform(-1, 1, 3, 1, 4)),
    "sparsemax_loss": check(long(e.sparsemax_loss), loss(tsallis(2.0), entropy(2.0)), *LOSS),
    "sparsemax_bisect_loss": check(
        long(e.sparsemax_bisect_loss), loss(tsallis(2.0), entropy(2.0)), *LOSS
    ),
    "entmax15_loss": check(long(e.entmax15_loss), loss(tsallis(1.5), entropy(1.5)), *LOSS),
    "entmax15_loss_k": check(long(e.entmax15_loss, k=2), loss(tsallis(1.5), entropy(1.5)), *LOSS),
    "entmax_bisect_loss": check(
        long(e.entmax_bisect_loss, alpha=1.3), loss(tsallis(1.3), entropy(1.3)), *LOSS
    ),
    "normmax_bisect_loss": check(
        long(e.normmax_bisect_loss), loss(normmax(2.0), norm_entropy(2.0)), *LOSS
    ),
}
