"""The four operations on two arrays that broadcast against each other.

Where broadcasting repeats an operand's entries, its gradient is summed over the repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Real, Saved
from manual.numeric import unbroadcast


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
        return np.asarray(y), (x.shape, other.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x_shape, other_shape = saved
        dother = unbroadcast(dy, other_shape)
        if self.alpha != 1:
            dother = np.asarray(self.alpha * dother)
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
        return np.asarray(y), (x.shape, other.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x_shape, other_shape = saved
        dother = np.asarray(-self.alpha * unbroadcast(dy, other_shape))
        return {"x": unbroadcast(dy, x_shape), "other": dother}


@dataclass(frozen=True)
class Multiply(Layer):
    """y = x · other

    Shapes    x and other broadcast together → y their common shape
    Backward  dx = dy · other;  dother = dy · x;  each summed over its repeats
    Source    torch.mul
    """

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        return np.asarray(x * other), (x, other)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, other = saved
        dx = unbroadcast(np.asarray(dy * other), x.shape)
        dother = unbroadcast(np.asarray(dy * x), other.shape)
        return {"x": dx, "other": dother}


@dataclass(frozen=True)
class Divide(Layer):
    """y = x / other

    Shapes    x and other broadcast together → y their common shape
    Backward  dx = dy / other;  dother = −dy · y / other;  each summed over its repeats
    Source    torch.div
    """

    def forward(self, x: Real, other: Real) -> tuple[Array, Saved]:
        y = np.asarray(x / other)
        return y, (x.shape, other, y)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x_shape, other, y = saved
        dx = unbroadcast(np.asarray(dy / other), x_shape)
        dother = unbroadcast(np.asarray(-dy * (y / other)), other.shape)
        return {"x": dx, "other": dother}
