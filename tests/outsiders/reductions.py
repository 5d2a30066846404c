"""Reductions along the last axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class Prod:
    """y = Π x along the last axis; dx = dy · the product of all others, whatever is zero."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        return x.prod(axis=-1), (x,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (x,) = saved
        before, after = np.ones_like(x), np.ones_like(x)
        before[..., 1:] = x[..., :-1].cumprod(axis=-1)
        after[..., :-1] = x[..., :0:-1].cumprod(axis=-1)[..., ::-1]
        return {"x": dy[..., None] * before * after}


@cases(Prod, rank=(1, 3), empty=False)
def prod(draw: Any, x: Any) -> Any:
    return spec(Prod(), x=real(*x))


@twin.register
def _(layer: Prod, x: Any) -> Any:
    return torch.prod(x, dim=-1)


@dataclass(frozen=True)
class Var:
    """Variance along the last axis, over m = n − correction; dx = 2 dy (x − mean) / m."""

    correction: int = 1

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        centred = x - x.mean(axis=-1, keepdims=True)
        m = x.shape[-1] - self.correction
        return (centred * centred).sum(axis=-1) / m, (centred, m)

    def backward(self, saved: Any, dy: Any) -> Any:
        centred, m = saved
        return {"x": (2 / m) * dy[..., None] * centred}


@cases(Var, rank=(1, 3), empty=False)
def var(draw: Any, x: Any) -> Any:
    return spec(Var(draw(st.integers(0, min(2, x[-1] - 1)))), x=real(*x))


@twin.register
def _(layer: Var, x: Any) -> Any:
    return torch.var(x, dim=-1, correction=layer.correction)


@dataclass(frozen=True)
class Std:
    """Standard deviation along the last axis; dx = dy (x − mean) / ((n − correction) std)."""

    correction: int = 1

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        centred = x - x.mean(axis=-1, keepdims=True)
        m = x.shape[-1] - self.correction
        y = np.sqrt((centred * centred).sum(axis=-1) / m)
        return y, (centred, m, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        centred, m, y = saved
        share = np.where(y > 0, dy / (m * np.where(y > 0, y, 1)), 0)
        return {"x": share[..., None] * centred}


@cases(Std, rank=(1, 3), empty=False)
def std(draw: Any, x: Any) -> Any:
    return spec(Std(draw(st.integers(0, min(2, x[-1] - 1)))), x=real(*x))


@twin.register
def _(layer: Std, x: Any) -> Any:
    return torch.std(x, dim=-1, correction=layer.correction)


@dataclass(frozen=True)
class VectorNorm:
    """y = (Σ |x|ᵖ)^(1/p) along the last axis; dx = dy sign(x) (|x| / y)ᵖ⁻¹, 0 for a zero row."""

    p: float = 3.0

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        size = np.abs(x)
        most = size.max(axis=-1, keepdims=True)
        scaled = size / np.where(most > 0, most, 1)  # so that no power overflows
        y = most * (scaled**self.p).sum(axis=-1, keepdims=True) ** (1 / self.p)
        return y[..., 0], (x, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, y = saved
        share = np.abs(x) / np.where(y > 0, y, 1)
        return {"x": dy[..., None] * np.sign(x) * share ** (self.p - 1)}


@cases(VectorNorm, rank=(1, 3), empty=False)
def vector_norm(draw: Any, x: Any) -> Any:
    return spec(VectorNorm(draw(st.sampled_from([3.0, 1.5, 5.0]))), x=real(*x))


@twin.register
def _(layer: VectorNorm, x: Any) -> Any:
    return torch.linalg.vector_norm(x, layer.p, dim=-1)


BUGS = bugs(__name__, {
    "Prod.backward": [
        ("quotient", "before * after",
         "np.where(x == 0, 0, x.prod(-1, keepdims=True) / np.where(x == 0, 1, x))", "x",
         "y / x, with 0 where x = 0: wrong if there is one zero"),
        ("self", "x[..., :-1].cumprod(axis=-1)", "x[..., 1:].cumprod(axis=-1)", "x", "shifted"),
        ("order", "cumprod(axis=-1)[..., ::-1]", "cumprod(axis=-1)", "x", "not turned back"),
    ],
    "Var.backward": [
        ("biased", "(2 / m)", "(2 / centred.shape[-1])", "x", "the correction is forgotten"),
        ("two", "(2 / m)", "(1 / m)", "x", "the 2 of the square is missing"),
        ("mean-twice", "* centred}", "* (centred - centred[..., :1] / centred.shape[-1])}",
         "x", "a term for the mean that sums to zero is added wrongly"),
    ],
    "Std.backward": [
        ("biased", "(m *", "(centred.shape[-1] *", "x", "the correction is forgotten"),
        ("square", "np.where(y > 0, y, 1)", "np.where(y > 0, y * y, 1)", "x", "divides by var"),
        ("variance", "/ (m * np.where(y > 0, y, 1))", "* 2 / m", "x", "the variance's rule"),
    ],
    "VectorNorm.backward": [
        ("sign", "np.sign(x) * ", "", "x", "the sign of x is left out"),
        ("power", "(self.p - 1)", "self.p", "x", "the power is not lowered by one"),
        ("euclid", "share ** (self.p - 1)", "share", "x", "the rule of p = 2"),
        ("outer", "/ np.where(y > 0, y, 1)", "", "x", "the outer root is left out"),
    ],
})  # fmt: skip
