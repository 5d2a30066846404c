"""The bilinear map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Grads, Layer, Param, Real, Saved
from manual.numeric import rows


@dataclass(frozen=True)
class Bilinear(Layer):
    """y_o = x1 W_o x2ᵀ + b_o

    Shapes    x1 (…, I), x2 (…, J), weight (O, I, J), bias (O,) or absent → y (…, O)
    Backward  with u = x1 W (…, O, J) and du_oj = dy_o x2_j:
              dx1 = du Wᵀ;  dx2 = Σ_o dy_o u_o;  dW = x1ᵀ du summed over …;  db = Σ dy
    Source    torch.nn.functional.bilinear
    Raises    ValueError for shapes that do not fit
    """

    def forward(
        self, x1: Real, x2: Real, weight: Param, bias: Param | None = None
    ) -> tuple[Array, Saved]:
        if x1.shape[:-1] != x2.shape[:-1]:
            raise ValueError(f"x1 {x1.shape} and x2 {x2.shape} differ in their leading axes")
        outs, wide, narrow = weight.shape
        a, b = rows(x1), rows(x2)
        w = weight.transpose(1, 0, 2).reshape(wide, outs * narrow)
        u = (a @ w).reshape(len(a), outs, narrow)
        y = (u @ b[:, :, np.newaxis])[:, :, 0]
        if bias is not None:
            y = y + bias
        return y.reshape(*x1.shape[:-1], outs), (x1, x2, w, u, bias is not None)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x1, x2, w, u, has_bias = saved
        a, b, g = rows(x1), rows(x2), rows(dy)
        n, outs, narrow = u.shape
        du = (g[:, :, np.newaxis] * b[:, np.newaxis, :]).reshape(n, outs * narrow)
        dx2 = (g[:, np.newaxis, :] @ u)[:, 0, :]
        dw = (a.T @ du).reshape(-1, outs, narrow)
        grads = {
            "x1": (du @ w.T).reshape(x1.shape),
            "x2": dx2.reshape(x2.shape),
            "weight": dw.transpose(1, 0, 2),
        }
        if has_bias:
            grads["bias"] = np.add.reduce(g, axis=0)
        return grads
