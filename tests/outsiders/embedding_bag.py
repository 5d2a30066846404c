"""Bags of embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import index, real, spec
from tests.outsiders.common import bugs, cases, pick, twin


@dataclass(frozen=True)
class EmbeddingBag:
    """y[b] = the sum, mean or maximum of the rows in bag b, or 0 if it is empty; F.embedding_bag.

    Bag b is x from offsets[b] up to offsets[b + 1]. A row `padding_idx` is in no bag. Of equal
    maxima the first counts. Only a sum may have weights.
    """

    offsets: tuple[int, ...] = (0,)
    mode: str = "sum"
    padding_idx: int | None = None

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "index", "weight": "param", "scale": "param"}

    def forward(self, x: Any, weight: Any, scale: Any = None) -> Any:
        bags, best = self._bags(x), []
        y = np.zeros((len(bags), weight.shape[1]), weight.dtype)
        for b, at in enumerate(bags):
            rows = weight[x[at]]
            if len(at) and self.mode == "max":
                best.append(x[at][rows.argmax(axis=0)])
                y[b] = rows.max(axis=0)
            elif len(at):
                rows = rows if scale is None else rows * scale[at, None]
                y[b] = rows.sum(axis=0) / (len(at) if self.mode == "mean" else 1)
        return y, (x, weight, scale, best)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, weight, scale, best = saved
        dweight, found = np.zeros(weight.shape, dy.dtype), iter(best)
        dscale = np.zeros(x.shape, dy.dtype)
        for b, at in enumerate(self._bags(x)):
            if len(at) and self.mode == "max":
                dweight[next(found), np.arange(weight.shape[1])] += dy[b]
            elif len(at):
                share = dy[b] / (len(at) if self.mode == "mean" else 1)
                factor = np.ones(len(at), dy.dtype) if scale is None else scale[at]
                np.add.at(dweight, x[at], factor[:, None] * share)
                dscale[at] = weight[x[at]] @ dy[b]
        return {"weight": dweight} | ({} if scale is None else {"scale": dscale})

    def _bags(self, x: Any) -> Any:
        """The places in x of each bag."""
        ends = (*self.offsets[1:], len(x))
        bags = [np.arange(a, b) for a, b in zip(self.offsets, ends, strict=True)]
        return [at[x[at] != self.padding_idx] for at in bags]


@cases(EmbeddingBag, rank=(1, 1), empty=False)
def embedding_bag(draw: Any, x: Any) -> Any:
    rows = draw(st.integers(1, 6))
    later = draw(st.lists(st.integers(0, x[0]), max_size=4))
    mode, padding = pick(draw, "sum", "mean", "max"), pick(draw, None, 0, rows - 1)
    arrays = {"x": index(rows, *x), "weight": real(rows, draw(st.integers(1, 5)))}
    if mode == "sum" and draw(st.booleans()):
        arrays["scale"] = real(*x)
    return spec(EmbeddingBag((0, *sorted(later)), mode, padding), **arrays)


@twin.register
def _(layer: EmbeddingBag, x: Any, weight: Any, scale: Any = None) -> Any:
    return F.embedding_bag(
        x,
        weight,
        torch.tensor(layer.offsets),
        mode=layer.mode,
        per_sample_weights=scale,
        padding_idx=layer.padding_idx,
    )


BUGS = bugs(__name__, {
    "EmbeddingBag.backward": [
        ("repeated", "np.add.at(dweight, x[at], factor[:, None] * share)",
         "dweight[x[at]] += factor[:, None] * share", "weight", "a repeated row counts once"),
        ("mean", 'share = dy[b] / (len(at) if self.mode == "mean" else 1)', "share = dy[b]",
         "weight", "the mean's division is forgotten in backward"),
        ("padding", "(self._bags(x))", "(EmbeddingBag(self.offsets, self.mode)._bags(x))",
         "weight", "the padding row gets a gradient"),
        ("scale", "scale is None else scale[at]", "scale is None else np.ones(len(at), dy.dtype)",
         "weight", "the weights of the samples are forgotten in backward"),
        ("max-set", ", np.arange(weight.shape[1])] += dy[b", ", np.arange(weight.shape[1])] = dy[b",
         "weight", "= for +=: one row may be the greatest of several bags"),
        ("max-spread", "next(found), np.arange(weight.shape[1])] += dy[b", "next(found)] += dy[b",
         "weight", "the whole row gets the gradient, not the greatest number alone"),
        ("scale-cotangent", "dscale[at] = weight[x[at]] @ dy[b]",
         "dscale[at] = weight[x[at]].sum(axis=1)", "scale", "a cotangent of ones"),
    ],
})  # fmt: skip
