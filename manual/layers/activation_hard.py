"""Piecewise linear activations with two kinks: clamps and shrinkages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Real, Saved


@dataclass(frozen=True)
class Hardtanh(Layer):
    """y = min(max(x, min_val), max_val)

    Shapes    x (…) → y (…)
    Backward  dx = dy where min_val < x < max_val, else 0 (at both ends too)
    Source    Collobert, Large Scale Machine Learning (2004); torch.nn.Hardtanh
    Raises    ValueError unless min_val < max_val
    """

    min_val: float = -1.0
    max_val: float = 1.0

    def __post_init__(self) -> None:
        if not self.min_val < self.max_val:
            raise ValueError(f"max_val {self.max_val} is not greater than min_val {self.min_val}")

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return _clamp(x, self.min_val, self.max_val), (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        return {"x": dy * ((x > self.min_val) & (x < self.max_val))}


@dataclass(frozen=True)
class ReLU6(Layer):
    """y = min(max(x, 0), 6)

    Shapes    x (…) → y (…)
    Backward  dx = dy where 0 < x < 6, else 0 (at both ends too)
    Source    Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10 (2010), §2.1
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return _clamp(x, 0, 6), (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        return {"x": dy * ((x > 0) & (x < 6))}


@dataclass(frozen=True)
class Hardsigmoid(Layer):
    """y = min(max(x + 3, 0), 6) / 6

    Shapes    x (…) → y (…)
    Backward  dx = dy / 6 where −3 < x < 3, else 0 (at both ends too)
    Source    torch.nn.Hardsigmoid; Howard et al., Searching for MobileNetV3 (2019), §5.2
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return _clamp(x + 3, 0, 6) / 6, (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        return {"x": dy * ((x > -3) & (x < 3)) / 6}


@dataclass(frozen=True)
class Hardswish(Layer):
    """y = x·min(max(x + 3, 0), 6) / 6

    Shapes    x (…) → y (…)
    Backward  dx = dy·(x/3 + 1/2) where −3 < x < 3, dy from 3 on, 0 up to −3
    Source    Howard et al., Searching for MobileNetV3 (2019), §5.2
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return x * (_clamp(x + 3, 0, 6) / 6), (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        slope = (x / 3 + 0.5) * ((x > -3) & (x < 3)) + (x >= 3)
        return {"x": dy * slope}


@dataclass(frozen=True)
class Softshrink(Layer):
    """y = x − λ where x > λ, x + λ where x < −λ, else 0

    Shapes    x (…) → y (…)
    Backward  dx = dy where |x| > λ, else 0 (at ±λ too)
    Source    Donoho & Johnstone, Ideal Spatial Adaptation by Wavelet Shrinkage (1994), eq. 13
    Raises    ValueError when lambd < 0
    """

    lambd: float = 0.5

    def __post_init__(self) -> None:
        if self.lambd < 0:
            raise ValueError(f"lambd must not be negative, and is {self.lambd}")

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return x - _clamp(x, -self.lambd, self.lambd), (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        return {"x": dy * (np.abs(x) > self.lambd)}


@dataclass(frozen=True)
class Hardshrink(Layer):
    """y = x where |x| > λ, else 0; the identity when λ < 0

    Shapes    x (…) → y (…)
    Backward  dx = dy where |x| > λ, else 0 (at ±λ too)
    Source    Donoho & Johnstone, Ideal Spatial Adaptation by Wavelet Shrinkage (1994), eq. 12
    """

    lambd: float = 0.5

    def forward(self, x: Real) -> tuple[Array, Saved]:
        kept = np.abs(x.real) > self.lambd
        return x * kept, (kept,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (kept,) = saved
        return {"x": dy * kept}


def _clamp(x: Array, low: float, high: float) -> Array:
    """x held within [low, high]; a complex x is ordered by its real part first."""
    return np.minimum(np.maximum(x, low), high)
