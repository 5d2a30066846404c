"""Functions of each number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
import torch
from hypothesis import strategies as st

from gradproof import positive, real, spec, uniform
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class Sinc:
    """y = sin πx / πx; dx = dy (cos πx − y) / x, by its power series where that would cancel."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        turn = math.pi * (x - 2 * np.rint(x / 2))  # the same angle, without rounding a large one
        zero = x == 0
        y = np.where(zero, 1, np.sin(turn) / np.where(zero, 1, math.pi * x))
        return y.astype(x.dtype), (x, y.astype(x.dtype), np.cos(turn))

    def backward(self, saved: Any, dy: Any) -> Any:
        x, y, cosine = saved
        near = np.abs(x) < 0.3
        t = np.where(near, math.pi * x, 0) ** 2
        series = np.zeros_like(x)
        for k in range(9, 0, -1):
            series = series * t + (-1) ** k * 2 * k / math.factorial(2 * k + 1)
        far = (cosine - y) / np.where(near, 1, x)
        return {"x": dy * np.where(near, math.pi**2 * x * series, far)}


@cases(Sinc, rank=(0, 3))
def sinc(draw: Any, x: Any) -> Any:
    return spec(Sinc(), x=real(*x))


@twin.register
def _(layer: Sinc, x: Any) -> Any:
    return torch.sinc(x)


def _off_poles(draw: Any, x: Any) -> Any:
    """Positive numbers of any size, or such as lie between the poles at 0, −1, −2, …"""
    return draw(st.sampled_from([positive(*x), uniform(-4.7, 9.1, *x)]))


@dataclass(frozen=True)
class LGamma:
    """y = log |Γ(x)|; dx = dy ψ(x)."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        near = (np.abs(x - 1) < 0.2) | (np.abs(x - 2) < 0.2)  # where gammaln loses its digits
        y = np.where(near, scipy.special.loggamma(x + 0j).real, scipy.special.gammaln(x))
        return y.astype(x.dtype), (x,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (x,) = saved
        return {"x": dy * scipy.special.psi(x)}


@cases(LGamma, rank=(0, 3))
def lgamma(draw: Any, x: Any) -> Any:
    return spec(LGamma(), x=_off_poles(draw, x))


@twin.register
def _(layer: LGamma, x: Any) -> Any:
    return torch.lgamma(x)


@dataclass(frozen=True)
class Digamma:
    """y = ψ(x); dx = dy ψ′(x), where ψ′(x) = Σ 1 / (x + k)²."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        return scipy.special.psi(x), (x,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (x,) = saved
        return {"x": dy * scipy.special.zeta(2, x)}


@cases(Digamma, rank=(0, 3))
def digamma(draw: Any, x: Any) -> Any:
    return spec(Digamma(), x=_off_poles(draw, x))


@twin.register
def _(layer: Digamma, x: Any) -> Any:
    return torch.digamma(x)


@dataclass(frozen=True)
class ErfInv:
    """y = erf⁻¹(x); dx = dy ½√π exp(y²)."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        y = scipy.special.erfinv(x)
        return y, (y,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (y,) = saved
        return {"x": dy * (math.sqrt(math.pi) / 2) * np.exp(y * y)}


@cases(ErfInv, rank=(0, 3))
def erfinv(draw: Any, x: Any) -> Any:
    return spec(ErfInv(), x=uniform(-1.0, 1.0, *x))


@twin.register
def _(layer: ErfInv, x: Any) -> Any:
    return torch.erfinv(x)


BUGS = bugs(__name__, {
    "Sinc.backward": [
        ("pi", "math.pi**2 * x", "math.pi * x", "x", "the inner derivative π, near zero"),
        ("sign", "(cosine - y)", "(y - cosine)", "x", "the sign of the quotient rule"),
        ("quotient", "(cosine - y)", "cosine", "x", "the second term of the quotient rule"),
    ],
    "LGamma.backward": [
        ("trigamma", "psi(x)", "zeta(2, x)", "x", "one derivative too many"),
        ("log", "scipy.special.psi(x)", "np.log(np.abs(x))", "x", "Stirling's first term"),
        ("shift", "psi(x)", "psi(x + 1)", "x", "Γ(x) is taken for x!"),
    ],
    "Digamma.backward": [
        ("value", "scipy.special.zeta(2, x)", "scipy.special.psi(x)", "x", "ψ for ψ′"),
        ("order", "zeta(2, x)", "zeta(3, x)", "x", "the derivative of another order"),
        ("asymptotic", "scipy.special.zeta(2, x)", "1 / x", "x", "the derivative of log x"),
    ],
    "ErfInv.backward": [
        ("sign", "np.exp(y * y)", "np.exp(-y * y)", "x", "the derivative of erf"),
        ("half", "math.sqrt(math.pi) / 2", "math.sqrt(math.pi)", "x", "½ is left out"),
        ("probit", "np.exp(y * y)", "np.exp(y * y / 2)", "x", "the normal quantile's exponent"),
    ],
})  # fmt: skip
