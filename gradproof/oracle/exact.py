"""The reference's own function without rounding: PyTorch's operations in ball arithmetic.

Each operation of the twin's forward and backward is carried out twice: by torch, and on intervals
of FLINT's `arb` that enclose the exact results. So nothing of the hand-written side takes part, and
what comes out is proved of the reference, if `exact_operations` has all its operations. Decisions
(comparisons, signs, arg-maxima) are torch's.

Source    Johansson, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic (2017)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case
from gradproof.oracle import exact_operations as operations
from gradproof.oracle import tensors
from gradproof.oracle.exact_operations import Unsupported
from gradproof.rounding.primitives import Primitives

BITS = 320
"""Of precision: enough for numbers that cancel over the whole range of float64's exponents."""
MOST = 300_000
"""The most numbers that are computed; an operation of one number takes about a microsecond."""

Enclosed = tuple[Array, Array]
"""The middles of the intervals, and how far the exact numbers may be from them, in float64."""


def exact_results(twin: Callable[..., Any], case: Case) -> dict[str, Enclosed]:
    """Outputs and gradients of a twin without rounding, by name; {} where that is not possible.

    An entry that is not known is NaN; one beyond float64 is infinite.
    """
    if find_spec("flint") is None or not case.dy:
        return {}
    from flint import ctx

    inputs = tensors.as_tensors(case.arrays, case.smooth)
    smooth = {n: t for n, t in zip(case.arrays, inputs, strict=True) if t is not None}
    smooth = {n: t for n, t in smooth.items() if t.requires_grad}
    dy = [None if d is None else tensors.tensor(d) for d in case.dy]
    precision, ctx.prec = ctx.prec, BITS
    try:
        with Exactly() as exactly:
            outputs = tensors.call(lambda *given: twin(case.layer, *given), inputs)
            gradients = tensors.pull_back(outputs, dy, list(smooth.values()))
        found = numbered("y", outputs) | dict(zip(smooth, gradients, strict=True))
        return {n: _ends(exactly.of(t)) for n, t in found.items() if _is_floating(t)}
    except (Unsupported, tensors.ReferenceFault):
        return {}
    finally:
        ctx.prec = precision


def _ends(balls: Array) -> Enclosed:
    middle = np.full(balls.shape, np.nan)
    radius = np.full(balls.shape, np.inf)
    for i, ball in enumerate(balls.flat):
        if ball.is_finite():
            middle.flat[i], radius.flat[i] = float(ball.mid()), float(ball.rad())
    return middle, radius


def _is_floating(t: Any) -> bool:
    return isinstance(t, Tensor) and t.is_floating_point()


class Exactly(Primitives):  # type: ignore[no-untyped-call]
    """Runs torch, with a ball beside each number that floats.

    The balls belong to a tensor's memory, so views share them as they share numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._balls: dict[int, tuple[Any, Array]] = {}
        self._left = MOST

    def of(self, t: Tensor) -> Array:
        """The balls of a tensor: its memory's, if it floats."""
        if t.is_complex() or t.is_neg():
            raise Unsupported
        if not t.is_floating_point():
            return operations.balls(t.detach().numpy())
        storage = t.untyped_storage()
        if storage._cdata not in self._balls:
            whole = torch.empty(0, dtype=t.dtype).set_(storage)
            self._balls[storage._cdata] = storage, operations.balls(whole.numpy())
        _, flat = self._balls[storage._cdata]
        strides = [s * flat.itemsize for s in t.stride()]
        return np.lib.stride_tricks.as_strided(flat[t.storage_offset() :], t.shape, strides)

    def primitive(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operation, and on the balls of what it is given."""
        name: str = func.overloadpacket.__name__
        if name in operations.RESHAPING:
            return func(*args, **kwargs)
        given = [self._with_balls(a) for a in args]
        options = {key: self._with_balls(value) for key, value in kwargs.items()}
        result = func(*args, **kwargs)
        outs = [*result] if isinstance(result, (tuple, list)) else [result]
        if any(map(_is_floating, outs)):
            made = operations.run(name, func, given, options, outs)
            for out, exact in zip(outs, made, strict=False):
                if _is_floating(out):
                    self._left -= out.numel()
                    self._write(out, exact)
        if self._left < 0:
            raise Unsupported
        return result

    def _with_balls(self, a: Any) -> Any:
        if isinstance(a, Tensor):
            self._left -= a.numel()
            return operations.Given(a, self.of(a) if a.dtype != torch.bool else a.numpy())
        if isinstance(a, (tuple, list)) and any(isinstance(x, Tensor) for x in a):
            return [self._with_balls(x) for x in a]
        return a

    def _write(self, out: Tensor, exact: Array) -> None:
        storage = out.untyped_storage()
        if storage._cdata not in self._balls:
            size = storage.nbytes() // out.element_size()
            self._balls[storage._cdata] = storage, np.zeros(size, dtype=object)
        self.of(out)[...] = exact
