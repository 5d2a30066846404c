"""Activations: the rectifiers, the exponential ones, and the gated ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from manual.layer import Array, Buffer, Grads, Layer, Param, Real, Saved
from manual.layers.activation_sigmoid import softplus
from manual.numeric import sigmoid, unbroadcast


@dataclass(frozen=True)
class ReLU(Layer):
    """y = max(x, 0)

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > 0, else 0 (at 0 too)
    Source    Glorot, Bordes & Bengio, Deep Sparse Rectifier Neural Networks (2011), §3
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        y = np.maximum(x, 0)
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        dx = (y > 0).astype(dy.dtype)
        dx *= dy  # with the mask itself a product takes 1.1 to 1.6 times as long (from 32 × 128)
        return {"x": dx}


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """y = x where x > 0, else negative_slope·x

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > 0, else negative_slope·dy (at 0 too)
    Source    Maas, Hannun & Ng, Rectifier Nonlinearities … (2013), eq. 3
    """

    negative_slope: float = 0.01

    def forward(self, x: Real) -> tuple[Array, Saved]:
        slope = slopes(x, x.dtype.type(self.negative_slope))
        return x * slope, (slope,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (slope,) = saved
        return {"x": dy * slope}


@dataclass(frozen=True)
class PReLU(Layer):
    """y = x where x > 0, else w·x; one learned w for all, or one for each channel

    Shapes    x (N, C, …), weight (1,) or (C,) → y (N, C, …); x of fewer than two axes takes (1,)
    Backward  dx = dy where x > 0, else w·dy;  dw = Σ dy·x where x ≤ 0, summed over w's uses
    Source    He et al., Delving Deep into Rectifiers (2015), eq. 1, 10 and 11
    Raises    ValueError when weight is not (num_parameters,), or that is neither 1 nor C
    """

    num_parameters: int = 1

    def forward(self, x: Real, weight: Param) -> tuple[Array, Saved]:
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.shape != (self.num_parameters,) or self.num_parameters not in (1, channels):
            raise ValueError(
                f"PReLU({self.num_parameters}) got weight {weight.shape} for {channels} channels"
            )
        w = weight.reshape((-1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (1,) * x.ndim)
        slope = slopes(x, w)
        return x * slope, (x, slope, w.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, slope, aligned = saved
        dw = unbroadcast(dy * np.minimum(x, 0), aligned)
        return {"x": dy * slope, "weight": dw.reshape(self.num_parameters)}


@dataclass(frozen=True)
class RReLU(Layer):
    """y = x where x > 0, else r·x; r drawn for each entry when training, else (lower + upper) / 2

    Shapes    x (…), noise (…) in [lower, upper] when training → y (…)
    Backward  dx = dy where x > 0, else r·dy (at 0 too)
    Source    Xu et al., Empirical Evaluation of Rectified Activations (2015), §2.4
    Raises    ValueError when lower > upper; when noise is not of x's shape, or given but not
              training
    """

    lower: float = 1 / 8
    upper: float = 1 / 3
    training: bool = False

    def __post_init__(self) -> None:
        if self.lower > self.upper:
            raise ValueError(f"lower {self.lower} is greater than upper {self.upper}")

    def forward(self, x: Real, noise: Buffer | None = None) -> tuple[Array, Saved]:
        if self.training != (noise is not None) or (noise is not None and noise.shape != x.shape):
            raise ValueError("RReLU takes noise of x's shape when training, and none otherwise")
        mean = x.dtype.type((self.lower + self.upper) / 2)
        slope = slopes(x, mean if noise is None else noise)
        return x * slope, (slope,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (slope,) = saved
        return {"x": dy * slope}


@dataclass(frozen=True)
class Threshold(Layer):
    """y = x where x > threshold, else value

    Shapes    x (…) → y (…)
    Backward  dx = dy where x > threshold, else 0 (at the threshold too)
    Source    torch.nn.Threshold
    """

    threshold: float
    value: float

    def forward(self, x: Real) -> tuple[Array, Saved]:
        above = x.real > self.threshold
        return np.where(above, x, self.value), (above,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (above,) = saved
        return {"x": dy * above}


def slopes(x: Array, below: Array) -> Array:
    """1 where x > 0, else `below`: an array that broadcasts to x, or a scalar of x's dtype."""
    positive = x.real > 0
    return positive + ~positive * below


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
        return {"x": dy * _elu_slope(x, self.alpha)}


@dataclass(frozen=True)
class SELU(Layer):
    """y = λ·x where x > 0, else λα·(eˣ − 1); λ ≈ 1.0507, α ≈ 1.6733

    Shapes    x (…) → y (…)
    Backward  dx = λ·dy where x > 0, else dy·λα·eˣ (at 0 too: dy·λα)
    Source    Klambauer et al., Self-Normalizing Neural Networks (2017), eq. 2 and 14
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return _SCALE * _elu(x, _ALPHA), (x,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (x,) = saved
        return {"x": dy * (_SCALE * _elu_slope(x, _ALPHA))}


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
        return np.maximum(x, 0) + self.alpha * np.expm1(scaled), (scaled,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (scaled,) = saved
        return {"x": dy * np.exp(scaled)}  # where x > 0, scaled is 0 and eˣ is 1


_SCALE = 1.0507009873554804934193349852946
_ALPHA = 1.6732632423543772848170429916717


def _elu(x: Array, alpha: float) -> Array:
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


def _elu_slope(x: Array, alpha: float) -> Array:
    return slopes(x, alpha * np.exp(np.minimum(x, 0)))


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
        return a * gate, (a, gate)

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
        return x * gate, (x, gate)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, gate = saved
        return {"x": dy * (gate * (1 + x * (1 - gate)))}


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
        return x * gate, (x, gate, slope)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, gate, slope = saved
        return {"x": dy * (gate + x * ((1 - gate * gate) * slope))}


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
        return x * gate, (x, gate)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, gate = saved
        near = _near(x)
        if self.approximate == "tanh":
            rest = sigmoid(_cubic(-near))  # 1 − gate, not cancelled: a large factor follows
            dgate = gate * rest * (_SLOPE * (1 + 3 * _KAPPA * (near * near)))
        else:
            dgate = np.exp(-0.5 * near * near) * _DENSITY
        return {"x": dy * (gate + x * dgate)}


_KAPPA = 0.044715
_SLOPE = math.sqrt(8 / math.pi)
_DENSITY = 1 / math.sqrt(2 * math.pi)


def _near(x: Array) -> Array:
    """x held within ±90, where a gate has long been 0 or 1 and x² still overflows in no dtype."""
    return np.clip(x, -90, 90)


def _cubic(x: Array) -> Array:
    return _SLOPE * x * (1 + _KAPPA * (x * x))


def _normal_cdf(x: Array) -> Array:
    """Φ(x) with its lower tail; in longdouble it has the accuracy of float64."""
    wide = x if x.dtype.kind in "cO" else x.astype(np.float64, copy=False)
    return np.asarray(special.erfc(wide * -math.sqrt(0.5)) / 2, dtype=x.dtype)
