"""Rows looked up in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from manual.layer import Array, Grads, Index, Layer, Param, Saved


@dataclass(frozen=True)
class Embedding(Layer):
    """y = the rows of weight whose numbers are in x

    The row `padding_idx` is looked up as any other, but gets no gradient. With
    `scale_grad_by_freq` the gradient of a row is divided by how often it is in x.

    Shapes    x (…), weight (V, D) → y (…, D)
    Backward  dweight_v = Σ dy over all places where x is v
    Source    y = onehot(x)·weight, as a matrix product; torch.nn.functional.embedding
    Raises    IndexError for a number in x that is below 0 or not below V
    """

    padding_idx: int | None = None
    scale_grad_by_freq: bool = False
    by_design: ClassVar[dict[str, str]] = {
        "weight": "the row padding_idx has no gradient, and scale_grad_by_freq divides rows"
    }

    def forward(self, x: Index, weight: Param) -> tuple[Array, Saved]:
        if np.minimum.reduce(x, axis=None, initial=0) < 0:
            raise IndexError("a row's number is negative")
        return weight[x], (x, weight.shape)

    def backward(self, saved: Saved, dy: Array) -> Grads:
        x, shape = saved
        dweight = np.zeros(shape, dy.dtype)
        np.add.at(dweight, x, dy)
        if self.scale_grad_by_freq:
            times = np.bincount(x.ravel(), minlength=shape[0])
            dweight /= np.maximum(times, 1).astype(dy.dtype)[:, np.newaxis]
        if self.padding_idx is not None:
            dweight[self.padding_idx] = 0
        return {"weight": dweight}
