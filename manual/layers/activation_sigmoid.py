"""Smooth element-wise activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Real, Saved
from manual.numeric import absolute, sigmoid


@dataclass(frozen=True)
class Sigmoid(Layer):
    """y = σ(x) = 1 / (1 + e⁻ˣ)

    Shapes    x (…) → y (…)
    Backward  dx = dy·y·(1 − y)
    Source    the seed article, step 2: φ′ in terms of φ
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        y = sigmoid(x)
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        return {"x": dy * (y * (1 - y))}


@dataclass(frozen=True)
class Tanh(Layer):
    """y = tanh x

    Shapes    x (…) → y (…)
    Backward  dx = dy·(1 − y²)
    Source    tanh′ = 1 − tanh²; LeCun et al., Efficient BackProp (1998), §4.4
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        y = np.tanh(x)
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        return {"x": dy * (1 - y * y)}


@dataclass(frozen=True)
class Tanhshrink(Layer):
    """y = x − tanh x

    Shapes    x (…) → y (…)
    Backward  dx = dy·tanh² x, without the cancellation of 1 − (1 − tanh² x)
    Source    torch.nn.Tanhshrink
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        t = np.tanh(x)
        return x - t, (t,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (t,) = saved
        return {"x": dy * (t * t)}


@dataclass(frozen=True)
class Softsign(Layer):
    """y = x / (1 + |x|)

    Shapes    x (…) → y (…)
    Backward  dx = dy / (1 + |x|)²; smooth at 0, where it is dy
    Source    Glorot & Bengio, Understanding the difficulty of training … (2010), §3
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        scale = 1 + absolute(x)
        return x / scale, (scale,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (scale,) = saved
        return {"x": dy / scale / scale}  # scale² may overflow


@dataclass(frozen=True)
class LogSigmoid(Layer):
    """y = log σ(x) = −softplus(−x)

    Shapes    x (…) → y (…)
    Backward  dx = dy·σ(−x), which is dy / 2 at 0
    Source    torch.nn.LogSigmoid
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        value, slope = softplus(-x)
        return -value, (slope,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (slope,) = saved
        return {"x": dy * slope}


@dataclass(frozen=True)
class Softplus(Layer):
    """y = log(1 + e^βx) / β;  y = x where βx > threshold

    Shapes    x (…) → y (…)
    Backward  dx = dy·σ(βx);  dx = dy where βx > threshold
    Source    torch.nn.Softplus; both passes compare the input with the threshold
    """

    beta: float = 1.0
    threshold: float = 20.0

    def forward(self, x: Real) -> tuple[Array, Saved]:
        z = x * self.beta
        value, slope = softplus(z)
        linear = z.real > self.threshold
        return np.where(linear, x, value / self.beta), (np.where(linear, 1, slope),)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (slope,) = saved
        return {"x": dy * slope}


def softplus(z: Array) -> tuple[Array, Array]:
    """log(1 + eᶻ) and its derivative σ(z), element-wise, in z's shape and dtype.

    Both come from e^−|z|, which does not overflow and keeps the tail down to the smallest number.
    The expressions that meet at z = 0 are analytic there, so that a complex step at 0 sees 1/2;
    with |z| in them it would see 0.

    Source    log(1 + eᶻ) = max(z, 0) + log(1 + e^−|z|)
    """
    negative = z.real < 0
    tail = np.exp(np.where(negative, z, -z))
    value = np.where(negative, 0, z) + np.log1p(tail)
    slope = np.where(negative, tail, 1) / (1 + tail)
    return value, slope
