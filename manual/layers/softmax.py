"""The softmax family: shares of a whole along one axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Real, Saved


@dataclass(frozen=True)
class Softmax(Layer):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along `dim`

    Shapes    x (…) → y (…)
    Backward  dx = y·(dy − Σⱼ dyⱼ·yⱼ)
    Source    Bridle, Probabilistic Interpretation of Feedforward … Outputs (1990), eq. 10
    Raises    ValueError when x has no axis `dim`
    """

    dim: int

    def forward(self, x: Real) -> tuple[Array, Saved]:
        y = shares(x, self.dim)
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        return {"x": shares_backward(y, dy, self.dim)}


@dataclass(frozen=True)
class Softmin(Layer):
    """yᵢ = e^−xᵢ / Σⱼ e^−xⱼ along `dim`

    Shapes    x (…) → y (…)
    Backward  dx = −y·(dy − Σⱼ dyⱼ·yⱼ)
    Source    torch.nn.Softmin: softmax of −x
    Raises    ValueError when x has no axis `dim`
    """

    dim: int

    def forward(self, x: Real) -> tuple[Array, Saved]:
        y = shares(-x, self.dim)
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        return {"x": -shares_backward(y, dy, self.dim)}


@dataclass(frozen=True)
class Softmax2d(Layer):
    """y = softmax of x over the channels, at every place of an image

    Shapes    x (N, C, H, W) or (C, H, W) → y the same
    Backward  dx = y·(dy − Σ_C dy·y)
    Source    torch.nn.Softmax2d
    Raises    ValueError when x has neither three nor four axes
    """

    def forward(self, x: Real) -> tuple[Array, Saved]:
        if x.ndim not in (3, 4):
            raise ValueError(f"Softmax2d takes three or four axes, not {x.ndim}")
        y = shares(x, -3)
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        return {"x": shares_backward(y, dy, -3)}


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """yᵢ = xᵢ − log Σⱼ e^xⱼ along `dim`

    Shapes    x (…) → y (…)
    Backward  dx = dy − e^y·Σⱼ dyⱼ
    Source    the logarithm of Softmax; d log Σⱼ e^xⱼ / dxᵢ = e^yᵢ
    Raises    ValueError when x has no axis `dim`
    """

    dim: int

    def forward(self, x: Real) -> tuple[Array, Saved]:
        z = below_largest(x, self.dim)
        total = np.exp(z).sum(axis=self.dim, keepdims=True)
        if z.size == 0:
            total = total + 1  # the sum over an empty axis is 0, which has no logarithm
        y = z - np.log(total)
        return y, (y,)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        (y,) = saved
        return {"x": dy - np.exp(y) * dy.sum(axis=self.dim, keepdims=True)}


def shares(x: Array, axis: int) -> Array:
    """e^x / Σ e^x along an axis, in x's shape and dtype.

    Raises    ValueError when x has no such axis
    Source    Softmax above, shifted by the largest entry, which changes nothing but overflow
    """
    y = np.exp(below_largest(x, axis))
    y /= y.sum(axis=axis, keepdims=True)  # a quotient of its own: up to 3 times as long (256 × 784)
    return y


def shares_backward(y: Array, dy: Array, axis: int) -> Array:
    """The gradient of ⟨dy, y⟩ for x, where y = shares(x, axis); all three of one shape.

    Raises    ValueError when y has no such axis
    Source    dyᵢ/dxⱼ = yᵢ·(δᵢⱼ − yⱼ)
    """
    dx: Array = y * (dy - (dy * y).sum(axis=axis, keepdims=True))
    return dx


def below_largest(x: Array, axis: int) -> Array:
    """x less its largest entry along an axis, at most 0: safe to exponentiate. May be empty.

    Raises    ValueError when x has no such axis
    Source    e^(x − m) / Σ e^(x − m) is the same for every m
    """
    largest: Array = x.real.max(axis=axis, keepdims=True, initial=-np.inf)
    return x - largest
