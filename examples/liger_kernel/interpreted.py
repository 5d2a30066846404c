"""Liger's kernels on the CPU: what Triton's interpreter lacks, and the glue of all checks."""

from __future__ import annotations

import os

os.environ["TRITON_INTERPRET"] = "1"

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import triton.language as tl
from numpy.typing import NDArray
from triton.language.extra import libdevice
from triton.runtime import interpreter
from triton.runtime.autotuner import Autotuner
from triton.runtime.interpreter import TensorHandle

import gradproof


def _by_numpy(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of libdevice, which the interpreter has not."""

    def call(x: Any) -> Any:
        with np.errstate(all="ignore"):
            values = function(x.handle.data).astype(x.handle.data.dtype)
        return tl.tensor(TensorHandle(values, x.handle.dtype), x.type)

    return call


libdevice.tanh = _by_numpy(np.tanh)
libdevice.rsqrt = _by_numpy(lambda x: 1 / np.sqrt(x))

_convert = interpreter._implicit_cvt


def _with_floats(argument: Any) -> Any:
    """A number given to a kernel becomes a float32 scalar, as on a GPU."""
    if isinstance(argument, float):
        handle = TensorHandle(np.array([argument], np.float32), tl.float32)
        return tl.tensor(handle, tl.float32)
    return _convert(argument)


interpreter._implicit_cvt = _with_floats
_tuned = Autotuner.run


def _first(self: Autotuner, *args: Any, **kwargs: Any) -> Any:
    """The first configuration: there is no GPU to measure which is fastest."""
    self.configs = self.configs[:1]
    return _tuned(self, *args, **kwargs)


Autotuner.run = _first


def judged(function: Callable[..., Any], *fixed: int) -> gradproof.vjp:
    """A function of tensors, which may overwrite its inputs and its saved tensors.

    fixed    places of the floating inputs that have no gradient
    """

    def run(arrays: tuple[NDArray[Any], ...]) -> tuple[list[torch.Tensor], Any]:
        leaves = [
            gradproof.laid_out(a).requires_grad_(a.dtype.kind == "f" and i not in fixed)
            for i, a in enumerate(arrays)
        ]
        return [t for t in leaves if t.requires_grad], function(*leaves)

    def vjp(*arrays: NDArray[Any]) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        def pull_back(dy: Any) -> tuple[Any, ...]:
            leaves, y = run(arrays)
            outputs, dys = (y, dy) if isinstance(y, tuple) else ((y,), (dy,))
            given = [gradproof.laid_out(d) for d in dys]
            grads = torch.autograd.grad(outputs, leaves, given, allow_unused=True)
            return tuple(None if g is None else g.detach().numpy().copy() for g in grads)

        _, y = run(arrays)
        if isinstance(y, tuple):
            return tuple(out.detach().numpy() for out in y), pull_back
        return y.detach().numpy(), pull_back

    return gradproof.vjp(vjp)
