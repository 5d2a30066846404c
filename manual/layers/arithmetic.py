"""Sums, differences, products and quotients that broadcast, and the matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Real, Saved
from manual.numeric import rows, unbroadcast


@dataclass(frozen=True)
class Add(Layer):
    """y = x + α · other

    Shapes    x and other broadcast together → y their common shape
    Backward  dx = dy;  dother = α dy;  each summed over its repeats
    Source    torch.add
    """

    alpha: float = 1

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        y = x + (other if self.alpha == 1 else self.alpha * other)
        return y, (x.shape, other.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x_shape, other_shape = saved
        dother = unbroadcast(dy, other_shape)
        if self.alpha != 1:
            dother = self.alpha * dother
        return {"x": unbroadcast(dy, x_shape), "other": dother}


@dataclass(frozen=True)
class Subtract(Layer):
    """y = x − α · other

    Shapes    x and other broadcast together → y their common shape
    Backward  dx = dy;  dother = −α dy;  each summed over its repeats
    Source    torch.sub
    """

    alpha: float = 1

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        y = x - (other if self.alpha == 1 else self.alpha * other)
        return y, (x.shape, other.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x_shape, other_shape = saved
        dother = -self.alpha * unbroadcast(dy, other_shape)
        return {"x": unbroadcast(dy, x_shape), "other": dother}


@dataclass(frozen=True)
class Multiply(Layer):
    """y = x · other

    Shapes    x and other broadcast together → y their common shape
    Backward  dx = dy · other;  dother = dy · x;  each summed over its repeats
    Source    torch.mul
    """

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        return x * other, (x, other)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, other = saved
        dx = unbroadcast(dy * other, x.shape)
        dother = unbroadcast(dy * x, other.shape)
        return {"x": dx, "other": dother}


@dataclass(frozen=True)
class Divide(Layer):
    """y = x / other

    Shapes    x and other broadcast together → y their common shape
    Backward  dx = dy / other;  dother = −dy · y / other;  each summed over its repeats
    Source    torch.div
    """

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        y = x / other
        return y, (x.shape, other, y)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x_shape, other, y = saved
        dx = unbroadcast(dy / other, x_shape)
        dother = unbroadcast(-dy * (y / other), other.shape)
        return {"x": dx, "other": dother}


@dataclass(frozen=True)
class MatMul(Layer):
    """y = x · other, the matrix product over the last two axes

    Shapes    x (…, N, K) or (K,), other (…, K, M) or (K,) → y (…, N, M), where the leading axes
              broadcast, without N for a 1-D x and without M for a 1-D other
    Backward  dx = dy otherᵀ;  dother = xᵀ dy;  each summed over the leading axes it was repeated on
    Source    torch.matmul
    Raises    ValueError for a 0-d operand or lengths K that differ
    """

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        return x @ other, (x, other)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, other = saved
        # A 1-D x is one row and a 1-D other one column; dy gets back the axis that they lack.
        a, b, g = x, other, dy
        if other.ndim == 1:
            b, g = b[:, np.newaxis], g[..., np.newaxis]
        if x.ndim == 1:
            a, g = a[np.newaxis, :], g[..., np.newaxis, :]
        da = unbroadcast(g @ b.swapaxes(-1, -2), a.shape)
        if b.ndim == 2:  # the same for the whole batch: the sum over it is one product
            a, g = rows(a), rows(g)
        db = unbroadcast(a.swapaxes(-1, -2) @ g, b.shape)
        return {"x": da.reshape(x.shape), "other": db.reshape(other.shape)}
