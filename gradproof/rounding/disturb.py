"""Measuring rounding: the reference rerun with every primitive result disturbed in its last place.

A `TorchDispatchMode` sees each aten operation of forward and backward alike, below autograd, so
that saved values and cotangents are disturbed with the rest. Four rules make it the arithmetic's
own uncertainty and nothing else:

* Fused kernels hide their inner roundings, so torch's own decompositions are run, and a variance by
  its definition; oneDNN's recurrent layers and flash attention, which have no decomposition, are
  switched off.
* A contraction's rounding is not proportional to its result, so its operands are disturbed too:
  another order of summation looks like that; `summation` adds what this does not show. An unknown
  operation, such as a convolution or a determinant, is treated as a contraction.
* A factorisation or a Fourier transform is as exact as if the largest numbers of its matrix had
  been rounded: all entries are disturbed as far as the largest. A triangular solve is not so.
* Decisions (comparisons, signs, arg-maxima) are taken by the undisturbed run and replayed, so that
  a disturbance never crosses a kink.

Source    https://docs.pytorch.org/docs/stable/torch.compiler_ir.html (core aten operators);
          Higham, Accuracy and Stability of Numerical Algorithms (2002), §9.3, §10.1, §19.3, §8.1
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from random import Random
from typing import Any

import numpy as np
import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode

from gradproof.rounding import summation

_ELEMENTARY = frozenset(
    """abs neg add sub rsub mul div reciprocal exp exp2 expm1 log log1p log2 erf erfc sin cos atan
    tanh sigmoid sqrt rsqrt square pow maximum minimum clamp clamp_min clamp_max relu amax amin max
    min sum mean mm bmm mv dot addmm baddbmm addmv lerp addcmul addcdiv hypot
    eq ne lt le gt ge sign sgn isnan isinf logical_and logical_or logical_not bitwise_and
    bitwise_or bitwise_not argmax argmin any all where masked_fill sort topk cumsum prod""".split()
)
_CONTRACTIONS = frozenset("sum mean mm bmm mv dot addmm baddbmm addmv cumsum".split())
_PRODUCTS_INSIDE = frozenset("add sub rsub addcmul addcdiv lerp".split())
_PASSIVE = frozenset(
    """where masked_fill clone copy _to_copy detach alias cat stack gather scatter index_select
    index slice_scatter zeros zeros_like ones ones_like full full_like empty empty_like
    empty_strided new_zeros new_empty new_empty_strided new_full fill zero scalar_tensor arange
    relu maximum minimum clamp clamp_min clamp_max amax amin max min neg abs _unsafe_view copy_to
    lift_fresh sort topk flip roll tril triu constant_pad_nd repeat select_backward
    slice_backward _local_scalar_dense squeeze unsqueeze t transpose""".split()
)
_WRITING = frozenset(("copy_to",))
"""Operations that write to their first argument, beside those whose names end in _."""
_FACTORING = ("linalg_", "cholesky", "lu_", "ormqr", "geqrf", "fft_")
_BY_ENTRY = frozenset(("linalg_solve_triangular", "triangular_solve"))
_DECISIONS = frozenset("sign sgn floor ceil round trunc".split())
_PIECEWISE = frozenset("hardshrink_backward softshrink_backward rrelu_with_noise".split())
_COMPOSITE = "CompositeImplicitAutograd"
"""The key of operations that torch itself composes from others."""
_WIDTH = 4.0  # a disturbance is uniform within ± _WIDTH/2 units of roundoff
_POOL = 1 << 16


@cache
def _pool(dtype: torch.dtype, repeats: int) -> torch.Tensor:
    """A pool of uniform disturbances, repeated so often; the same in every process."""
    roundoff = torch.finfo(dtype).eps / 2
    numbers = np.random.default_rng(2).uniform(-_WIDTH / 2, _WIDTH / 2, _POOL) * roundoff
    return torch.from_numpy(numbers).to(dtype).repeat(repeats)


def disturb(t: torch.Tensor, seed: int) -> torch.Tensor:
    """t with every entry disturbed in its last place, the same way for the same seed.

    Only towards zero, so that a probability stays one.
    """
    return t.addcmul(_finite(t), _slice(t, Random(seed)).abs(), value=-1)  # noqa: S311  (noise, no secret)


def _finite(t: torch.Tensor) -> torch.Tensor:
    """t with 0 for what is not finite: infinity has no last place."""
    return torch.nan_to_num(t, nan=0.0, posinf=0.0, neginf=0.0)


def _slice(like: torch.Tensor, random: Random) -> torch.Tensor:
    n = like.numel()
    pool = _pool(like.dtype, 2 * n // _POOL + 1 if n > _POOL // 2 else 1)
    start = random.randrange(pool.numel() - n)
    return pool[start : start + n].view(like.shape)


class Disturbance(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs torch with fused kernels decomposed; the first run is exact and records its decisions.

    Each later run, begun by `again`, disturbs every arithmetic result and replays the decisions.
    """

    def __init__(self, seed: int, crossing: bool = False) -> None:
        """crossing: a disturbance may cross a kink, since decisions are not replayed.

        Then only sums are disturbed: another order of adding rounds otherwise, and all else alike.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._crossing = crossing
        self._random = Random(seed)  # noqa: S311  (noise, no secret)
        self._decisions: list[torch.Tensor] = []
        self._replayed: Iterator[torch.Tensor] | None = None
        self._before = self._random.getstate()
        self._reach = 1.0
        self._fused: list[tuple[bool, bool]] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled.

        Otherwise torch wraps each operation, which costs as much as the disturbance itself, and
        loads its compiler.
        """
        return False

    def __enter__(self) -> Any:
        self._fused.append(choose_fused(False, False))
        return super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        choose_fused(*self._fused.pop())

    def again(self, reach: float = 1.0) -> None:
        """Begin another run.

        reach     how far sums are moved, as in `summation.add_sum`; negative: the same disturbance
                  as in the run before, but with sums moved the other way
        """
        if reach < 0:
            self._random.setstate(self._before)
        self._before = self._random.getstate()
        self._replayed, self._reach = iter(self._decisions), reach

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        role = role_of(func)
        if role is VIEW:
            return func(*args, **kwargs)
        if callable(role):
            with self:
                made = role(*args, **kwargs)
            if made is not NotImplemented:
                return made
            role = _properties(func)
        base, contraction, product, passive, decision, in_place = role
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
        noise = self._noise(real)
        if base in summation.UNDERFLOWS and real is out:
            summation.underflow(base, args, out, noise)
        real.addcmul_(_finite(real), noise)
        if base in summation.SUMS and real is out:
            summation.add_sum(base, func, args, i, out, noise, self._reach)

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
            size = _finite(operand)
            if of_matrices and operand.ndim > 1 and operand.numel():
                largest = size.abs().amax((-2, -1), keepdim=True) * math.sqrt(
                    min(operand.shape[-2:])
                )
                size = largest.expand_as(operand)
            return operand.addcmul(size, self._noise(operand))
        return operand

    def _noise(self, like: torch.Tensor) -> torch.Tensor:
        return _slice(like, self._random)


def choose_fused(onednn: bool, flash: bool) -> tuple[bool, bool]:
    """Set whether torch may use oneDNN and flash attention; returns the settings before."""
    backends: Any = torch.backends  # whose properties torch has no types for
    before = backends.mkldnn.enabled, backends.cuda.flash_sdp_enabled()
    backends.mkldnn.enabled = onednn
    backends.cuda.enable_flash_sdp(flash)
    return before


def _counts(func: Any, out: torch.Tensor) -> bool:
    """Whether it is a counter, such as an optimiser's step: one whole number, added to in place."""
    adds = func.overloadpacket is torch.ops.aten.add_
    return adds and out.ndim == 0 and bool(out == out.round())


def _variance(x: torch.Tensor, dims: list[int], correction: float = 1, **_: Any) -> torch.Tensor:
    """The variance by its definition, so that the roundings of the mean are disturbed too."""
    centred = x - x.mean(dims, keepdim=True)
    squares = centred.square().sum(dims)
    count = x.numel() // max(squares.numel(), 1)
    return squares / max(count - correction, 0)


VIEW = None
_roles: dict[Any, Any] = {torch.ops.prims.var.default: _variance}


def role_of(func: Any) -> Any:
    """None for a view, a function to run instead, or the properties of the operation."""
    if func not in _roles:
        _roles[func] = _find_role(func)
    return _roles[func]


def _uncompiled(decomposition: Any) -> Any:
    """The decomposition without its guard against torch's compiler.

    The guard loads the compiler when it is first called, which takes each process two seconds.
    """
    inside = decomposition
    while inside := getattr(inside, "__wrapped__", None):
        inside.__dynamo_disable = inside  # where `torch._compile` keeps the guarded function
    return decomposition


def _find_role(func: Any) -> Any | Callable[..., Any]:
    name = func.overloadpacket.__name__
    base = name.rstrip("_") or name
    if func.is_view:
        return VIEW
    if base not in _ELEMENTARY and base not in _PASSIVE:
        if func in decomposition_table:
            return _uncompiled(decomposition_table[func])
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), _COMPOSITE):
            return func.decompose
    return _properties(func)


def _properties(func: Any) -> tuple[Any, ...]:
    """(name, contraction, products inside, passive, decision, whether it writes to its first)."""
    name = func.overloadpacket.__name__
    base = name.rstrip("_") or name
    known = _ELEMENTARY | _PASSIVE | _DECISIONS | _PIECEWISE
    contraction = base in _CONTRACTIONS or base not in known
    kinds = _PRODUCTS_INSIDE, _PASSIVE, _DECISIONS
    writes = int(name.endswith("_") or name in _WRITING)
    return (base, contraction, *(base in kind for kind in kinds), writes)
