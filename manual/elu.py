"""Exponential linear units: the identity above 0, an exponential that levels off below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Real, Saved
from manual.rectifier import slopes


@dataclass(frozen=True)
class ELU(Layer):
    """y = x where x > 0, else α·(eˣ − 1)

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > 0, else dy·α·eˣ (at 0 too: dy·α)
    Source    Clevert, Unterthiner & Hochreiter, Fast and Accurate … by ELUs (2015), eq. 15
    """

    alpha: float = 1.0

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return _elu(x, self.alpha), (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        return {"x": np.asarray(dy * _elu_slope(x, self.alpha))}


@dataclass(frozen=True)
class SELU(Layer):
    """y = λ·x where x > 0, else λα·(eˣ − 1); λ ≈ 1.0507, α ≈ 1.6733

    Shapes    x (…) → y (…)
    Backward  dx = λ·dy where x > 0, else dy·λα·eˣ (at 0 too: dy·λα)
    Source    Klambauer et al., Self-Normalizing Neural Networks (2017), eq. 2 and 14
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return np.asarray(_SCALE * _elu(x, _ALPHA)), (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        return {"x": np.asarray(dy * (_SCALE * _elu_slope(x, _ALPHA)))}


@dataclass(frozen=True)
class CELU(Layer):
    """y = x where x > 0, else α·(e^(x/α) − 1)

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > 0, else dy·e^(x/α); continuous at 0
    Source    Barron, Continuously Differentiable Exponential Linear Units (2017)
    Raises    ValueError when alpha is 0
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.alpha == 0:
            raise ValueError("CELU divides by alpha, which must not be 0")

    def forward(self, x: Real) -> tuple[Array, Saved]:
        scaled = np.minimum(x, 0) / self.alpha
        return np.asarray(np.maximum(x, 0) + self.alpha * np.expm1(scaled)), (scaled,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (scaled,) = saved
        return {"x": np.asarray(dy * np.exp(scaled))}  # where x > 0, scaled is 0 and eˣ is 1


_SCALE = 1.0507009873554804934193349852946
_ALPHA = 1.6732632423543772848170429916717


def _elu(x: Array, alpha: float) -> Array:
    return np.asarray(np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0)))


def _elu_slope(x: Array, alpha: float) -> Array:
    return slopes(x, alpha * np.exp(np.minimum(x, 0)))
