"""The affine map."""

from __future__ import annotations

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
        y = x @ weight.T
        if bias is not None:
            y = y + bias
        return y, (x, weight, bias is not None)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, weight, has_bias = saved
        g = rows(dy)
        grads = {"x": dy @ weight, "weight": g.T @ rows(x)}
        if has_bias:
            grads["bias"] = np.add.reduce(g, axis=0)
        return grads
