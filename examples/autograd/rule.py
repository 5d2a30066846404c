"""From autograd's functions to what gradproof takes: shared by the checks in this folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import torch
from autograd import make_vjp
from autograd.builtins import tuple as atuple
from autograd.tracer import getval
from hypothesis import strategies as st

import gradproof
from gradproof import real

AXIS = st.sampled_from((3, 2, 4, 1, 5))
PAIRS: tuple[Any, ...] = (
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((3, 1), (1, 1)),
    ((0, 3), (3,)),
)


def rule(f: Any) -> gradproof.vjp:
    """What autograd derives from its hand-written rules; gradients in the dtype of the inputs."""

    def several(*xs: Any) -> Any:
        made = f(*xs)
        return atuple(list(made)) if isinstance(getval(made), (tuple, list)) else made

    def run(*arrays: Any) -> Any:
        smooth = tuple(i for i, a in enumerate(arrays) if a.dtype.kind == "f")
        alone = len(smooth) == 1  # asked by number, as autograd.grad asks
        pull, y = make_vjp(several, smooth[0] if alone else smooth)(*arrays)

        def back(dy: Any) -> list[Any]:
            found = dict(zip(smooth, [pull(dy)] if alone else pull(dy), strict=True))
            return [
                np.array(found[i], a.dtype) if i in found else None for i, a in enumerate(arrays)
            ]

        return (tuple(map(np.array, y)) if isinstance(y, tuple) else np.array(y)), back

    return gradproof.vjp(run)


def axes(*ranks: int, kind: Callable[..., Any] = real) -> Callable[[Any], Any]:
    """Inputs of these ranks, with drawn shapes."""
    return lambda draw: tuple(kind(*(draw(AXIS) for _ in range(rank))) for rank in ranks)


def pair(first: Callable[..., Any] = real, second: Callable[..., Any] = real) -> Any:
    """Two inputs whose shapes broadcast."""

    def inputs(draw: Any) -> Any:
        a, b = draw(st.sampled_from(PAIRS))
        return first(*a), second(*b)

    return inputs


def between(low: float, high: float) -> Callable[..., Any]:
    """Numbers from low to high, of any shape."""
    return lambda *shape: gradproof.uniform(low, high, *shape)


def parts(f: Callable[..., Any]) -> Callable[..., Any]:
    """The real and the imaginary part of what f returns, by NumPy or PyTorch."""

    def both(*xs: Any) -> Any:
        y = f(*xs)
        if isinstance(y, torch.Tensor):  # resolved: an imaginary part may be a lazy negative
            return y.real, y.imag.resolve_neg()
        return anp.real(y), anp.imag(y)

    return both


def of_complex(f: Callable[..., Any]) -> Callable[..., Any]:
    """f of a complex number that is given as two real ones."""
    return lambda re, im: f(re + 1j * im)
