"""Running sums, products and maxima along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, times, twin


def drawn_axis(draw, x):
    return draw(st.integers(-len(x), len(x) - 1))


@dataclass(frozen=True)
class CumSum:
    """yₜ = Σ xₛ over s ≤ t: torch.cumsum."""

    dim: int = -1

    def argument_kinds(self, count):
        return {"x": "real"}

    def forward(self, x):
        return np.cumsum(x, axis=self.dim), ()

    def backward(self, saved, dy):
        turned = np.flip(dy, axis=self.dim)
        return {"x": np.flip(np.cumsum(turned, axis=self.dim), axis=self.dim).copy()}


@cases(CumSum)
def cum_sum(draw, x):
    return spec(CumSum(drawn_axis(draw, x)), x=real(*x))


@twin.register
def _(layer: CumSum, x):
    return torch.cumsum(x, layer.dim)


@dataclass(frozen=True)
class CumProd:
    """yₜ = Π xₛ over s ≤ t: torch.cumprod. Nothing is divided, so zeros are like other numbers."""

    dim: int = -1

    def argument_kinds(self, count):
        return {"x": "real"}

    def forward(self, x):
        y = np.cumprod(x, axis=self.dim)
        return y, (x, y)

    def backward(self, saved, dy):
        x, y, dy = (np.moveaxis(a, self.dim, 0) for a in (*saved, dy))
        before = np.ones_like(y)
        before[1:] = y[:-1]
        after = dy.copy()  # Σ dyₛ xₜ₊₁ … xₛ over s ≥ t
        for t in range(len(x) - 2, -1, -1):
            after[t] += times(x[t + 1], after[t + 1])
        return {"x": np.moveaxis(times(before, after), 0, self.dim)}


@cases(CumProd)
def cum_prod(draw, x):
    return spec(CumProd(drawn_axis(draw, x)), x=real(*x))


@twin.register
def _(layer: CumProd, x):
    return torch.cumprod(x, layer.dim)


@dataclass(frozen=True)
class LogCumSumExp:
    """yₜ = log Σ exp(xₛ) over s ≤ t: torch.logcumsumexp."""

    dim: int = -1

    def argument_kinds(self, count):
        return {"x": "real"}

    def forward(self, x):
        y = np.logaddexp.accumulate(x, axis=self.dim)
        return y, (x, y)

    def backward(self, saved, dy):
        x, y, dy = (np.moveaxis(a, self.dim, 0) for a in (*saved, dy))
        after = dy.copy()  # Σ dyₛ exp(yₜ − yₛ) over s ≥ t; no exponent is above 0
        for t in range(len(x) - 2, -1, -1):
            after[t] += np.exp(y[t] - y[t + 1]) * after[t + 1]
        return {"x": np.moveaxis(np.exp(x - y) * after, 0, self.dim)}


@cases(LogCumSumExp)
def log_cum_sum_exp(draw, x):
    return spec(LogCumSumExp(drawn_axis(draw, x)), x=real(*x))


@twin.register
def _(layer: LogCumSumExp, x):
    return torch.logcumsumexp(x, layer.dim)


@dataclass(frozen=True)
class CumMax:
    """yₜ = the greatest of xₛ, s ≤ t: torch.cummax. Of equal ones the last has the gradient."""

    dim: int = -1

    def argument_kinds(self, count):
        return {"x": "real"}

    def forward(self, x):
        y = np.maximum.accumulate(x, axis=self.dim)
        return y, (np.moveaxis(x == y, self.dim, -1),)

    def backward(self, saved, dy):
        (reached,) = saved
        dy = np.moveaxis(dy, self.dim, -1)
        n = dy.shape[-1]
        at = np.maximum.accumulate(np.where(reached, np.arange(n), 0), axis=-1)
        dx = np.zeros((dy.size // max(n, 1), n), dy.dtype)
        np.add.at(dx, (np.arange(len(dx))[:, None], at.reshape(-1, n)), dy.reshape(-1, n))
        return {"x": np.moveaxis(dx.reshape(dy.shape), -1, self.dim)}


@cases(CumMax, empty=False)
def cum_max(draw, x):
    return spec(CumMax(drawn_axis(draw, x)), x=real(*x))


@twin.register
def _(layer: CumMax, x):
    return torch.cummax(x, layer.dim).values


@dataclass(frozen=True)
class CumProdLastAxis:
    """yᵢ = x₁ … xᵢ along the last axis; dxⱼ = x₁ … xⱼ₋₁ sⱼ with sⱼ = dyⱼ + xⱼ₊₁ sⱼ₊₁."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        y = x.cumprod(axis=-1)
        return y, (x, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, y = saved
        s = dy.copy()
        for j in range(x.shape[-1] - 2, -1, -1):
            s[..., j] += times(x[..., j + 1], s[..., j + 1])
        s[..., 1:] = times(y[..., :-1], s[..., 1:])
        return {"x": s}


@cases(CumProdLastAxis, rank=(1, 3), empty=False)
def cum_prod_last_axis(draw: Any, x: Any) -> Any:
    return spec(CumProdLastAxis(), x=real(*x))


@twin.register
def _(layer: CumProdLastAxis, x: Any) -> Any:
    return torch.cumprod(x, dim=-1)


@dataclass(frozen=True)
class LogCumSumExpLastAxis:
    """yᵢ = log Σ exp xⱼ over j ≤ i, along the last axis; dxⱼ = Σ dyᵢ exp(xⱼ − yᵢ) over i ≥ j."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        y = np.logaddexp.accumulate(x, axis=-1)
        return y, (x, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, y = saved
        n = x.shape[-1]
        later = np.triu(np.ones((n, n), dtype=bool))
        share = np.exp(np.where(later, x[..., :, None] - y[..., None, :], -np.inf))
        return {"x": (share * dy[..., None, :]).sum(axis=-1)}


@cases(LogCumSumExpLastAxis, rank=(1, 3), empty=False)
def log_cum_sum_exp_last_axis(draw: Any, x: Any) -> Any:
    return spec(LogCumSumExpLastAxis(), x=real(*x[:-1], min(x[-1], 129)))


@twin.register
def _(layer: LogCumSumExpLastAxis, x: Any) -> Any:
    return torch.logcumsumexp(x, dim=-1)


BUGS = bugs(__name__, {
    "CumSum.backward": [
        ("forward-order", "np.cumsum(turned,", "np.cumsum(dy,",
         "x", "the cotangents are summed from the front"),
        ("exclusive", ".copy()", " - dy", "x", "the entry's own cotangent is left out"),
        ("last-axis", "turned = np.flip(dy, axis=self.dim)", "turned = np.flip(dy, axis=-1)",
         "x", "the last axis is turned whatever dim is"),
    ],
    "CumProd.backward": [
        ("factor", "times(x[t + 1],", "times(x[t],",
         "x", "the factor of the entry itself instead of the next"),
        ("inclusive", "before[1:] = y[:-1]", "before[:] = y",
         "x", "the product includes the entry itself"),
        ("zeros", "times(before, after),",
         "np.flip(np.cumsum(np.flip(dy * y, 0), 0), 0) / np.where(x == 0, 1, x),", "x",
         "the division by x is made safe at zeros, and then is not the derivative"),
        ("first", "(len(x) - 2, -1, -1)", "(len(x) - 2, 0, -1)",
         "x", "the first entry is left out"),
    ],
    "LogCumSumExp.backward": [
        ("share", "np.exp(y[t] - y[t + 1])", "np.exp(x[t] - y[t + 1])",
         "x", "the share of one number instead of that of the sum so far"),
        ("own", "np.exp(x - y) * after", "np.exp(x - y) * dy",
         "x", "an entry has the cotangent of its own place alone"),
        ("softmax", "np.exp(x - y) * after", "np.exp(x - y[-1:]) * after",
         "x", "the softmax over the whole axis, as in logsumexp"),
        ("first", "(len(x) - 2, -1, -1)", "(len(x) - 2, 0, -1)",
         "x", "the first entry is left out"),
    ],
    "CumMax.backward": [
        ("overwritten",
         "np.add.at(dx, (np.arange(len(dx))[:, None], at.reshape(-1, n)), dy.reshape(-1, n))",
         "dx[np.arange(len(dx))[:, None], at.reshape(-1, n)] = dy.reshape(-1, n)", "x",
         "fancy assignment keeps one of several cotangents"),
        ("reached", "dx.reshape(dy.shape), -1", "np.where(reached, dy, 0), -1",
         "x", "places that repeat an earlier maximum pass nothing on"),
        ("first", "np.maximum.accumulate(np.where(reached, np.arange(n), 0), axis=-1)",
         "np.where(reached, np.arange(n), 0)", "x", "what is no maximum falls to the first entry"),
    ],
    "CumProdLastAxis.backward": [
        ("assign", "s[..., j] +=", "s[..., j] =", "x", "= for +="),
        ("index", "(x[..., j + 1], s", "(x[..., j], s", "x", "the factor of another entry"),
        ("last", "x.shape[-1] - 2", "x.shape[-1] - 3", "x", "the last entry is left out"),
    ],
    "LogCumSumExpLastAxis.backward": [
        ("total", "x[..., :, None] - y[..., None, :]", "x[..., :, None] - y[..., None, -1:]",
         "x", "softmax of the whole row"),
        ("side", "np.triu(", "np.tril(", "x", "the sum runs over i ≤ j"),
        ("strict", "dtype=bool))", "dtype=bool), 1)", "x", "the entry itself is left out"),
    ],
})  # fmt: skip
