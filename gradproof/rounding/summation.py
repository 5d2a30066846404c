"""What random disturbances do not show: roundings that all go one way, and underflow.

A sum of n terms in any order is off by at most (n − 1) u Σ |term|. Random disturbances of the terms
average out far below that, but equal terms all round the same way and come near it.

C floors grow with the disturbance only as far as the result does. Where it grows with its square,
such as the variance of equal numbers with the error of their mean, `oracle.tensors` measures that
part with sums moved as far as they may be off, one way and the other.

A product below the smallest normal number has lost digits, or all of them, and may be divided by
something small afterwards. A disturbance in proportion to the product does not show that.

A product of n factors is off by n u of itself, and is counted as a sum is.

Source    Higham, Accuracy and Stability of Numerical Algorithms (2002), §4.2 for sums; §2.1: sums
          and differences do not lose digits to underflow, so these are not looked at
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from gradproof.rounding.bound import C
from gradproof.rounding.parts import LARGE, Part, parts

_COUNTED = frozenset(
    """convolution convolution_backward index_add index_put put scatter_add
    scatter_reduce""".split()
)
SUMS = _COUNTED | frozenset(
    "sum mean prod cumprod mm bmm mv dot addmm baddbmm addmv cumsum".split()
)
UNDERFLOWS = frozenset(
    """mul div square pow reciprocal exp exp2 erfc sigmoid addcmul addcdiv mm bmm mv dot addmm
    baddbmm addmv convolution convolution_backward""".split()
)
_OF_ONE = frozenset(("sum", "mean", "prod"))
_OF_TWO = frozenset(("mul", "div"))


def add_sum(
    base: str,
    func: Callable[..., Any],
    args: Sequence[Any],
    i: int,
    out: torch.Tensor,
    noise: torch.Tensor,
    reach: float = 1.0,
) -> None:
    """Disturb a sum of n terms so far that C floors are n u Σ |term|; up to C terms need no more.

    i         which of the operation's results it is
    noise     uniform within ±2u, in out's shape
    reach     so many times as far; C is as far as the sum may be off
    """
    few = C / abs(reach)
    length = _count(func, args, i) if base in _COUNTED else _length(base, args, out)
    if isinstance(length, torch.Tensor):
        noise = noise * torch.where(length > few, length, 0)
    elif length > few:
        noise = noise * length
    else:
        return
    total = torch.nan_to_num(_of_sizes(base, func, args, i), nan=0.0, posinf=0.0)
    out.addcmul_(total, noise, value=reach / (2 * C))


def _of_sizes(base: str, func: Callable[..., Any], args: Sequence[Any], i: int) -> torch.Tensor:
    """The operation's result on magnitudes; no large copy is made of them where rows are summed."""
    first, *others = args
    axes = others[0] if others and base in _OF_ONE else None
    if (
        isinstance(axes, list)
        and axes
        and first.numel() > LARGE
        and all(a % first.ndim for a in axes)
    ):
        rows = (func(first[part].abs(), *others) for part in parts(first.shape))
        return torch.cat(list(rows))
    return _result(func(*(a.abs() if _is_floating(a) else a for a in args)), i)


def _count(func: Callable[..., Any], args: Sequence[Any], i: int) -> torch.Tensor:
    """How many terms each entry is the sum of: the operation's result on ones."""
    ones = [torch.ones_like(a) if _is_floating(a) else a for a in args]
    return _result(func(*ones), i)


def _is_floating(a: Any) -> bool:
    """Whether it holds the terms of a sum; indices and lengths do not."""
    return isinstance(a, torch.Tensor) and a.is_floating_point()


def _result(made: Any, i: int) -> torch.Tensor:
    found: torch.Tensor = made[i] if isinstance(made, tuple) else made
    return found


def _length(base: str, args: Sequence[Any], out: torch.Tensor) -> int:
    """How many terms each entry is the sum of."""
    if base in ("cumsum", "cumprod"):
        return int(args[0].shape[args[1]]) if args[0].ndim else 1
    if base in _OF_ONE:
        return int(args[0].numel()) // max(out.numel(), 1)
    last = [a for a in args if isinstance(a, torch.Tensor)][-1]
    return int(last.shape[-2] if last.ndim > 1 else last.shape[0])


def underflow(
    base: str, args: Sequence[Any], out: torch.Tensor, part: Part, noise: torch.Tensor
) -> None:
    """Disturb results below the smallest normal number by anything down to 0, and lost products.

    part      the part of `out` that is looked at
    noise     as in `add_sum`, of this part
    """
    limits, piece = torch.finfo(out.dtype), out[part]
    if not piece.numel() or piece.abs().min() >= limits.tiny:
        return
    below = piece.abs() < limits.tiny
    if not below.any():  # NaN is not above either
        return
    piece.mul_(torch.where(below, 1 - noise.abs() / limits.eps, 1))  # |noise| ≤ 2u = eps
    if base in _OF_TWO and out is not args[0]:
        x, y = (torch.as_tensor(a).expand(out.shape)[part] for a in args[:2])
        lost = (piece == 0) & (x != 0) & (y != 0)
        if base == "div":
            lost &= torch.isfinite(y)
        piece.add_(torch.where(lost, torch.sign(noise) * limits.smallest_normal * limits.eps, 0))
