"""The noise of the kernel that ran: torch's own error in float32, against itself in float64.

A decomposition that is disturbed need not be what the kernel computes. The kernel's own error sees
inside it: of float32 as it is, of float64 scaled by the ratio of the roundoffs, at points close by
that float32 can represent. It says nothing where the kernel loses half of its digits or more: there
torch is inaccurate, and what is right is looked for elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradproof.arrays import Array
from gradproof.oracle.tensors import call, pull_back
from gradproof.rounding.disturb import disturb
from gradproof.rounding.parts import by_parts

_POINTS = 8
"""Points at which the error is taken: the case's own, and others whose last digits differ."""
_HALF = 2.0**-12
"""Half of the digits of float32."""
_FINER = 2.0**-29
"""The roundoff of float64 in units of that of float32."""


def kernel_errors(
    function: Callable[..., Any],
    inputs: Sequence[Tensor | None],
    dy: Sequence[Tensor | None],
    names: Sequence[str],
    made: Sequence[Tensor | None],
    wanted: Callable[[str], bool],
) -> Iterator[dict[str, Array]]:
    """Yield how far outputs and gradients are off by the kernel's rounding, by name.

    names    of the outputs, then of the inputs that have a gradient
    made     what the function made of them, with the same names
    wanted   whether the next sample needs this output or gradient; if not, it is left out

    Nothing is yielded where the function takes one dtype only. A large array is overwritten when
    the next sample is asked for.
    """
    double = any(t is not None and t.dtype == torch.float64 for t in (*inputs, *dy))
    finer = _FINER if double else 1.0
    dy32 = [_cast(d, torch.float32) for d in dy]
    dy64 = [_cast(d, torch.float64) for d in dy32]
    single = [_cast(t, torch.float32) for t in inputs]
    spare: dict[str, Array] = {}
    for k in range(_POINTS):
        asked = [wanted(name) for name in names]
        near = [_moved(t, 31 * k + i) for i, t in enumerate(single)] if k else single
        try:
            rough = made if not (double or k) else _results(function, near, dy32, asked)
            exact = [_cast(t, torch.float64) for t in near]
            fine = _results(function, exact, dy64, asked)
        except Exception:  # noqa: BLE001  (a function may be for one dtype only)
            return
        pairs = zip(names, rough, fine, strict=True)
        errors = {
            n: _error(r, f, finer, spare.get(n))
            for n, r, f in pairs
            if r is not None and f is not None
        }
        spare |= errors
        yield errors


def _cast(t: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """A leaf with the same numbers; integers stay as they are."""
    if t is None or not t.is_floating_point():
        return t
    return t.detach().to(dtype).requires_grad_(t.requires_grad)


def _moved(t: Tensor | None, seed: int) -> Tensor | None:
    """A leaf whose numbers differ in their last digit."""
    if t is None or not t.is_floating_point():
        return t
    return disturb(t.detach(), seed).requires_grad_(t.requires_grad)


def _results(
    function: Callable[..., Any],
    inputs: Sequence[Tensor | None],
    dy: Sequence[Tensor | None],
    asked: Sequence[bool],
) -> list[Tensor | None]:
    """Outputs and gradients; None for one that nobody asked for, or that holds integers."""
    outputs = call(function, inputs)
    leaves = [t for t in inputs if t is not None and t.requires_grad]
    pairs = zip(leaves, asked[len(outputs) :], strict=True)
    pulled = iter(pull_back(outputs, dy, [t for t, a in pairs if a]))
    floating = [out if out.is_floating_point() else None for out in outputs]
    made = [*floating, *(next(pulled) if a else None for a in asked[len(outputs) :])]
    return [t if a else None for t, a in zip(made, asked, strict=True)]


def _error(rough: Tensor, fine: Tensor, finer: float, spare: Array | None) -> Array:
    """How far off it is; 0 where half of the digits are lost, beside the largest number.

    spare    memory for a large result
    """

    def off(rough: Array, exact: Array) -> Array:
        made = np.asarray(rough.astype(exact.dtype))
        made -= exact
        np.abs(made, out=made)
        made *= finer
        return made

    exact: Array = fine.detach().numpy()
    error = by_parts(off, rough.detach().numpy(), exact, spare=spare)
    largest = error.max(initial=0.0)
    if not exact.size or largest <= _HALF * finer * abs(exact.flat[0]):  # it settles most
        return error
    most = _HALF * finer * max(float(exact.max()), -float(exact.min()))
    return error if largest <= most else np.where(error <= most, error, 0.0)
