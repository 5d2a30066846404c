"""Activations that multiply a value by a smooth gate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from manual.activation import softplus
from manual.layer import Array, Grads, Layer, Real, Saved
from manual.numeric import sigmoid


@dataclass(frozen=True)
class GLU(Layer):
    """y = a·σ(b), a and b the first and second half of x along `dim`

    Shapes    x (…, 2n, …) → y (…, n, …)
    Backward  da = dy·σ(b);  db = dy·a·σ(b)·(1 − σ(b));  dx = [da, db]
    Source    Dauphin et al., Language Modeling with Gated Convolutional Networks (2016), eq. 1
    Raises    IndexError when x has no axis `dim`, ValueError when its length there is odd
    """

    dim: int = -1

    def forward(self, x: Real) -> tuple[Array, Saved]:
        a, b = np.split(x, 2, axis=self.dim)
        gate = sigmoid(b)
        return np.asarray(a * gate), (a, gate)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        a, gate = saved
        da = dy * gate
        db = dy * (a * (gate * (1 - gate)))
        return {"x": np.concatenate([da, db], axis=self.dim)}


@dataclass(frozen=True)
class SiLU(Layer):
    """y = x·σ(x)

    Shapes    x (…) → y (…)
    Backward  dx = dy·σ(x)·(1 + x·(1 − σ(x)))
    Source    Elfwing et al., Sigmoid-Weighted Linear Units … (2017), eq. 5 and 8
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        gate = sigmoid(x)
        return np.asarray(x * gate), (x, gate)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, gate = saved
        return {"x": np.asarray(dy * (gate * (1 + x * (1 - gate))))}


@dataclass(frozen=True)
class Mish(Layer):
    """y = x·tanh(softplus(x))

    Shapes    x (…) → y (…)
    Backward  dx = dy·(t + x·(1 − t²)·σ(x)) with t = tanh(softplus(x))
    Source    Misra, Mish: A Self Regularized Non-Monotonic Activation Function (2019), §2
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        value, slope = softplus(x)
        gate = np.tanh(value)
        return np.asarray(x * gate), (x, gate, slope)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, gate, slope = saved
        return {"x": np.asarray(dy * (gate + x * ((1 - gate * gate) * slope)))}


@dataclass(frozen=True)
class GELU(Layer):
    """y = x·Φ(x), the normal distribution function; "tanh": y = x·σ(z), z = √(8/π)·(x + κx³)

    Shapes    x (…) → y (…)
    Backward  dx = dy·(Φ + x·φ) with φ = e^−x²/2 / √(2π);
              "tanh": dx = dy·(σ + x·σ·(1 − σ)·z′) with z′ = √(8/π)·(1 + 3κx²), κ = 0.044715
    Source    Hendrycks & Gimpel, Gaussian Error Linear Units (2016), §2; (1 + tanh(z/2)) / 2 is
              σ(z), which unlike 1 + tanh keeps its tail
    Raises    ValueError when `approximate` is neither "none" nor "tanh"
    """

    approximate: str = "none"

    def __post_init__(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise ValueError(f'approximate is "none" or "tanh", not {self.approximate!r}')

    def forward(self, x: Real) -> tuple[Array, Saved]:
        gate = sigmoid(_cubic(_near(x))) if self.approximate == "tanh" else _normal_cdf(x)
        return np.asarray(x * gate), (x, gate)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, gate = saved
        near = _near(x)
        if self.approximate == "tanh":
            rest = sigmoid(_cubic(-near))  # 1 − gate, not cancelled: a large factor follows
            dgate = gate * rest * (_SLOPE * (1 + 3 * _KAPPA * (near * near)))
        else:
            dgate = np.exp(-0.5 * near * near) * _DENSITY
        return {"x": np.asarray(dy * (gate + x * dgate))}


_KAPPA = 0.044715
_SLOPE = math.sqrt(8 / math.pi)
_DENSITY = 1 / math.sqrt(2 * math.pi)


def _near(x: Array) -> Array:
    """x held within ±90, where a gate has long been 0 or 1 and x² still overflows in no dtype."""
    return np.asarray(np.clip(x, -90, 90))


def _cubic(x: Array) -> Array:
    return np.asarray(_SLOPE * x * (1 + _KAPPA * (x * x)))


def _normal_cdf(x: Array) -> Array:
    """Φ(x) with its lower tail; in longdouble it has the accuracy of float64."""
    wide = x if x.dtype.kind in "cO" else x.astype(np.float64, copy=False)
    return np.asarray(special.erfc(wide * -math.sqrt(0.5)) / 2, dtype=x.dtype)
