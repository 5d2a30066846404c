"""Measuring rounding: the reference rerun with every primitive result disturbed in its last place.

`primitives` hands over each operation of forward and backward alike, below autograd, so that saved
values and cotangents are disturbed with the rest. Three rules make it the arithmetic's own
uncertainty and nothing else:

* A contraction's rounding is not proportional to its result, so its operands are disturbed too:
  another order of summation looks like that; `summation` adds what this does not show. An unknown
  operation, such as a convolution or a determinant, is treated as a contraction.
* A factorisation or a Fourier transform is as exact as if the largest numbers of its matrix had
  been rounded: all entries are disturbed as far as the largest. A triangular solve is not so.
* Decisions (comparisons, signs, arg-maxima) are taken by the undisturbed run and replayed, so that
  a disturbance never crosses a kink.

Source    Higham, Accuracy and Stability of Numerical Algorithms (2002), §9.3, §10.1, §19.3, §8.1
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache, partial
from random import Random
from typing import Any

import numpy as np
import torch

from gradproof.rounding import summation
from gradproof.rounding.parts import LARGE, Part, parts
from gradproof.rounding.primitives import ELEMENTARY, PASSIVE, Primitives, base_of

_CONTRACTIONS = frozenset("sum mean mm bmm mv dot addmm baddbmm addmv cumsum".split())
_PRODUCTS_INSIDE = frozenset("add sub rsub addcmul addcdiv".split())
_WRITING = frozenset(("copy_to",))
"""Operations that write to their first argument, beside those whose names end in _."""
_FACTORING = ("linalg_", "cholesky", "lu_", "ormqr", "geqrf", "fft_")
_BY_ENTRY = frozenset(("linalg_solve_triangular", "triangular_solve"))
_DECISIONS = frozenset("sign sgn floor ceil round trunc".split())
_PIECEWISE = frozenset("hardshrink_backward softshrink_backward rrelu_with_noise".split())
_WIDTH = 4.0  # a disturbance is uniform within ± _WIDTH/2 units of roundoff
_POOL = 1 << 16
_LARGE = 1 << 13


@cache
def _pool(dtype: torch.dtype, repeats: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A pool of uniform disturbances, repeated so often; the same in every process.

    The second has the same sizes, all of them towards zero.
    """
    roundoff = torch.finfo(dtype).eps / 2
    numbers = np.random.default_rng(2).uniform(-_WIDTH / 2, _WIDTH / 2, _POOL) * roundoff
    pool = torch.from_numpy(numbers).to(dtype).repeat(repeats)
    return pool, -pool.abs()


class _Noise:
    """A disturbance for each entry of a tensor: the pool, again and again, from a random start."""

    def __init__(self, like: torch.Tensor, random: Random, which: int = 0) -> None:
        """which: one of the pools."""
        n = like.numel()
        repeats = 2 * n // _POOL + 1 if n > _POOL // 2 else 1
        self._start = random.randrange(repeats * _POOL - n)
        self._like, self._which = like, which

    def __getitem__(self, part: Part) -> torch.Tensor:
        """Those of a part, in its shape."""
        begin, like = self._start, self._like
        if part is not ...:
            begin += part.start * like[0].numel()
            like = like[part]
        begin, n = begin % _POOL, like.numel()
        pool = _pool(like.dtype, 2 if n <= _POOL else n // _POOL + 2)[self._which]
        return pool[begin : begin + n].view(like.shape)


def disturb(t: torch.Tensor, seed: int) -> torch.Tensor:
    """t with every entry disturbed in its last place, the same way for the same seed.

    Only towards zero, so that a probability stays one.
    """
    return _moved(t, _Noise(t, Random(seed), 1))  # noqa: S311  (noise, no secret)


def _moved(t: torch.Tensor, noise: _Noise) -> torch.Tensor:
    """A copy of t with its noise; large ones by parts, except where autograd is to see it."""
    if t.requires_grad or t.numel() <= LARGE:
        return t.addcmul(_finite(t), noise[...])
    made = torch.empty_like(t)
    for part in parts(t.shape):
        torch.addcmul(t[part], _finite(t[part]), noise[part], out=made[part])
    return made


def _finite(t: torch.Tensor) -> torch.Tensor:
    """t with 0 for what is not finite: infinity has no last place.

    Of a large tensor no copy is made where its sum is finite, as then all of it is.
    """
    if t.numel() > _LARGE and math.isfinite(t.detach().sum()):
        return t
    return torch.nan_to_num(t, nan=0.0, posinf=0.0, neginf=0.0)


class Disturbance(Primitives):  # type: ignore[no-untyped-call]
    """Runs torch with fused kernels decomposed; the first run is exact and records its decisions.

    Each later run, begun by `again`, disturbs every arithmetic result and replays the decisions.
    """

    def __init__(self, seed: int, crossing: bool = False) -> None:
        """crossing: a disturbance may cross a kink, since decisions are not replayed.

        Then only sums are disturbed: another order of adding rounds otherwise, and all else alike.
        """
        super().__init__()
        self._crossing = crossing
        self._random = Random(seed)  # noqa: S311  (noise, no secret)
        self._decisions: list[torch.Tensor] = []
        self._replayed: Iterator[torch.Tensor] | None = None
        self._before = self._random.getstate()
        self._reach = 1.0

    def again(self, reach: float = 1.0) -> None:
        """Begin another run.

        reach     how far sums are moved, as in `summation.add_sum`; negative: the same disturbance
                  as in the run before, but with sums moved the other way
        """
        if reach < 0:
            self._random.setstate(self._before)
        self._before = self._random.getstate()
        self._replayed, self._reach = iter(self._decisions), reach

    def primitive(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operation, disturbed or to be replayed."""
        base, contraction, product, passive, decision, in_place = _properties(func)
        disturbing = self._replayed is not None and (contraction or not self._crossing)
        if disturbing and contraction:
            of_matrices = base.lstrip("_").startswith(_FACTORING) and base not in _BY_ENTRY
            moved = (self._disturbed(a, of_matrices) for a in args[in_place:])
            args = [*args[:in_place], *moved]
        elif disturbing and product and (len(args) > 2 or "alpha" in kwargs):
            args = [args[0], self._disturbed(args[1]), *args[2:]]  # a rounded product is added
        result = func(*args, **kwargs)
        for i, out in enumerate(result if isinstance(result, (tuple, list)) else (result,)):
            if not isinstance(out, torch.Tensor):
                continue
            if decision or not (out.is_floating_point() or out.is_complex()):
                self._decide(out)
            elif disturbing and not passive and not _counts(func, out):
                self._disturb(base, partial(func, **kwargs), args, i, out)
        return result

    def _decide(self, out: torch.Tensor) -> None:
        if self._replayed is None:
            self._decisions.append(out.clone())
        elif not self._crossing:
            out.copy_(next(self._replayed))

    def _disturb(
        self, base: str, func: Any, args: Sequence[Any], i: int, out: torch.Tensor
    ) -> None:
        """Disturb one of an operation's results, in place."""
        real = torch.view_as_real(out) if out.is_complex() else out
        noise = _Noise(real, self._random)
        watched = base in summation.UNDERFLOWS and real is out
        for part in parts(real.shape):
            piece = real[part]
            if watched:
                summation.underflow(base, args, out, part, noise[part])
            piece.addcmul_(_finite(piece), noise[part])
        if base in summation.SUMS and real is out:
            summation.add_sum(base, func, args, i, out, noise[...], self._reach)

    def _disturbed(self, operand: Any, of_matrices: bool = False) -> Any:
        """The operand, each entry disturbed.

        of_matrices   as far as the largest of its matrix, and √n times: n roundings add up
        """
        if not isinstance(operand, torch.Tensor):
            return operand
        if operand.is_complex():
            parts = torch.view_as_real(operand.resolve_conj())
            return torch.view_as_complex(self._disturbed(parts, of_matrices))
        if operand.is_floating_point():
            noise = _Noise(operand, self._random)
            if not (of_matrices and operand.ndim and operand.numel()):
                return _moved(operand, noise)
            axes = (-2, -1)[-operand.ndim :]  # a vector is a matrix of one row
            rows = min(operand.shape[-2:]) if operand.ndim > 1 else 1
            size = _finite(operand).abs().amax(axes, keepdim=True) * math.sqrt(rows)
            return operand.addcmul(size, noise[...])
        return operand


def _counts(func: Any, out: torch.Tensor) -> bool:
    """Whether it is a counter, such as an optimiser's step: one whole number, added to in place."""
    adds = func.overloadpacket is torch.ops.aten.add_
    return adds and out.ndim == 0 and bool(out == out.round())


@cache
def _properties(func: Any) -> tuple[Any, ...]:
    """(name, contraction, products inside, passive, decision, whether it writes to its first)."""
    name, base = func.overloadpacket.__name__, base_of(func)
    known = ELEMENTARY | PASSIVE | _DECISIONS | _PIECEWISE
    contraction = base in _CONTRACTIONS or base not in known
    kinds = _PRODUCTS_INSIDE, PASSIVE, _DECISIONS
    writes = int(name.endswith("_") or name in _WRITING)
    return (base, contraction, *(base in kind for kind in kinds), writes)
