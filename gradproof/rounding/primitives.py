"""Torch's operations one by one: each that torch does not compose of others, forward and backward.

Fused kernels hide what they compute inside. So torch's own decompositions are run, and a variance
by its definition; oneDNN's recurrent layers and flash attention, which have no decomposition, are
switched off.

Source    https://docs.pytorch.org/docs/stable/torch.compiler_ir.html (core aten operators)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import FunctionType
from typing import Any

import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode

ELEMENTARY = frozenset(
    """abs neg add sub rsub mul div reciprocal exp exp2 expm1 log log1p log2 erf erfc sin cos atan
    tanh sigmoid sqrt rsqrt square pow maximum minimum clamp clamp_min clamp_max relu amax amin max
    min sum mean mm bmm mv dot addmm baddbmm addmv addcmul addcdiv hypot
    eq ne lt le gt ge sign sgn isnan isinf logical_and logical_or logical_not bitwise_and
    bitwise_or bitwise_not argmax argmin any all where masked_fill sort topk cumsum prod""".split()
)
PASSIVE = frozenset(
    """where masked_fill clone copy _to_copy detach alias cat stack gather scatter index_select
    index slice_scatter zeros zeros_like ones ones_like full full_like empty empty_like
    empty_strided new_zeros new_empty new_empty_strided new_full fill zero scalar_tensor arange
    relu maximum minimum clamp clamp_min clamp_max amax amin max min neg abs _unsafe_view copy_to
    lift_fresh sort topk flip roll tril triu constant_pad_nd repeat select_backward
    slice_backward _local_scalar_dense squeeze unsqueeze t transpose""".split()
)
"""These compute nothing that would be rounded."""
_COMPOSITE = "CompositeImplicitAutograd"
"""The key of operations that torch itself composes from others."""


class Primitives(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it each operation that is neither a view nor composed goes to `primitive`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fused: list[tuple[bool, bool]] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled.

        Otherwise torch wraps each operation, which costs as much as a disturbance itself, and
        loads its compiler.
        """
        return False

    def __enter__(self) -> Any:
        self._fused.append(_choose_fused(False, False))
        return super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        _choose_fused(*self._fused.pop())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        composed = _composed(func)
        if composed is func:
            return func(*args, **kwargs)
        if composed is not None:
            with self:
                made = composed(*args, **kwargs)
            if made is not NotImplemented:
                return made
        return self.primitive(func, args, kwargs)

    def primitive(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run one operation, and return what it returns."""
        raise NotImplementedError


def base_of(func: Any) -> str:
    """The operation's name, without the _ of one that works in place."""
    name: str = func.overloadpacket.__name__
    return name.rstrip("_") or name


def _choose_fused(onednn: bool, flash: bool) -> tuple[bool, bool]:
    """Set whether torch may use oneDNN and flash attention; returns the settings before."""
    backends: Any = torch.backends  # whose properties torch has no types for
    before = backends.mkldnn.enabled, backends.cuda.flash_sdp_enabled()
    backends.mkldnn.enabled = onednn
    backends.cuda.enable_flash_sdp(flash)
    return before


@cache
def _composed(func: Any) -> Any:
    """What to run instead of an operation: itself for a view, None for a primitive."""
    if func.is_view:
        return func
    if func is torch.ops.prims.var.default:
        return _variance
    base = base_of(func)
    if base in ELEMENTARY or base in PASSIVE:
        # As a custom operation it would load torch's compiler; its twin does not.
        return func.impl_aten if func.namespace == "prims" else None
    if func in decomposition_table:
        return _uncompiled(decomposition_table[func])
    if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), _COMPOSITE):
        return func.decompose
    return None


def _variance(x: torch.Tensor, dims: list[int], correction: float = 1, **_: Any) -> torch.Tensor:
    """The variance by its definition, so that the roundings of the mean are disturbed too."""
    centred = x - x.mean(dims, keepdim=True)
    squares = centred.square().sum(dims)
    count = x.numel() // max(squares.numel(), 1)
    return squares / max(count - correction, 0)


@cache
def _uncompile_references() -> None:
    """The same for the functions that decompositions call."""
    for function in vars(torch._refs).values():
        _unguard(function)


def _uncompiled(decomposition: Any) -> Any:
    """The decomposition without its guard against torch's compiler.

    The guard loads the compiler when it is first called, which takes each process two seconds.
    """
    _uncompile_references()
    _unguard(decomposition)
    return decomposition


def _unguard(function: Any) -> None:
    """Say of each function that a guard holds that it is the guarded one: `torch._compile` asks."""
    while isinstance(function, FunctionType):
        for cell in function.__closure__ or ():
            if isinstance(cell.cell_contents, FunctionType):
                cell.cell_contents.__dynamo_disable = cell.cell_contents  # type: ignore[attr-defined]
        function = function.__dict__.get("__wrapped__")
