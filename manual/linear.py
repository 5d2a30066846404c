"""The affine map."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Param, Real, Saved
from manual.numeric import rows


@dataclass(frozen=True)
class Linear(Layer):
    """y = x Wᵀ + b

    Shapes    x (…, I), weight (O, I), bias (O,) or absent → y (…, O)
    Backward  dx = dy W;  dW = dyᵀ x summed over …;  db = Σ dy
    Source    the seed article, steps 1 and 2; w^k_ij there is weight[j, i] here
    """

    def forward(self, x: Real, weight: Param, bias: Param | None = None) -> tuple[Array, Saved]:
        y = product(x, weight.T)
        if bias is not None:
            y += bias
        return y, (x, weight, bias is not None)

    def backward(self, saved: Saved, dy: Array, wanted: Collection[str] = ("x",)) -> Grads:
        """As `Layer.backward`; without "x" in `wanted`, dx and its matrix product are left out."""
        x, weight, has_bias = saved
        g = rows(dy)
        grads = {"weight": g.T.dot(rows(x))}
        if "x" in wanted:
            grads["x"] = product(dy, weight)
        if has_bias:
            grads["bias"] = np.add.reduce(g, axis=0)
        return grads


def product(x: Array, matrix: Array) -> Array:
    """x @ matrix; of two small matrices, `dot` takes half the time that `@` takes.

    Shapes    x (…, I), matrix (I, O) → (…, O)
    """
    return x.dot(matrix) if x.ndim == 2 else x @ matrix
