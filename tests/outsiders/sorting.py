"""Order: sorting, the greatest k, the median."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class Sort:
    """The values of x along the last axis in order; equal ones keep theirs."""

    descending: bool = False

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        order = np.argsort(-x if self.descending else x, axis=-1, kind="stable")
        return np.take_along_axis(x, order, -1), (order,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (order,) = saved
        dx = np.zeros(dy.shape, dy.dtype)
        np.put_along_axis(dx, order, dy, -1)
        return {"x": dx}


@cases(Sort, rank=(1, 3), empty=False)
def sort(draw: Any, x: Any) -> Any:
    return spec(Sort(draw(st.booleans())), x=real(*x))


@twin.register
def _(layer: Sort, x: Any) -> Any:
    return torch.sort(x, dim=-1, descending=layer.descending, stable=True).values


@dataclass(frozen=True)
class TopK:
    """The k largest or smallest values along the last axis, in order; of equal ones the first."""

    k: int = 1
    largest: bool = True

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        order = np.argsort(-x if self.largest else x, axis=-1, kind="stable")[..., : self.k]
        return np.take_along_axis(x, order, -1), (order, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        order, shape = saved
        dx = np.zeros(shape, dy.dtype)
        np.put_along_axis(dx, order, dy, -1)
        return {"x": dx}


@cases(TopK, rank=(1, 3), empty=False)
def topk(draw: Any, x: Any) -> Any:
    return spec(TopK(draw(st.integers(1, min(x[-1], 5))), draw(st.booleans())), x=real(*x))


@twin.register
def _(layer: TopK, x: Any) -> Any:
    return torch.topk(x, layer.k, dim=-1, largest=layer.largest).values


@dataclass(frozen=True)
class Median:
    """The lower median along the last axis."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        middle = (x.shape[-1] - 1) // 2
        at = np.argsort(x, axis=-1, kind="stable")[..., middle : middle + 1]
        return np.take_along_axis(x, at, -1)[..., 0], (at, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        at, shape = saved
        dx = np.zeros(shape, dy.dtype)
        np.put_along_axis(dx, at, dy[..., None], -1)
        return {"x": dx}


@cases(Median, rank=(1, 3), empty=False)
def median(draw: Any, x: Any) -> Any:
    return spec(Median(), x=real(*x))


@twin.register
def _(layer: Median, x: Any) -> Any:
    return torch.median(x, dim=-1).values


BUGS = bugs(__name__, {
    "Sort.backward": [
        ("inverse", "np.put_along_axis(dx, order, dy, -1)",
         "dx[...] = np.take_along_axis(dy, order, -1)", "x", "the permutation, not its inverse"),
        ("identity", "np.put_along_axis(dx, order, dy, -1)", "dx[...] = dy", "x", "not undone"),
        ("descending", "dx, order, dy", "dx, order[..., ::-1] if self.descending else order, dy",
         "x", "the order is turned round twice"),
    ],
    "TopK.backward": [
        ("first", "dx, order, dy, -1", "dx, order[..., :1], dy[..., :1], -1",
         "x", "the first only"),
        ("sorted", "dx, order, dy", "dx, np.sort(order, -1), dy", "x", "as if not sorted"),
        ("place", "np.put_along_axis(dx, order, dy, -1)", "dx[..., : self.k] = dy",
         "x", "in front"),
    ],
    "Median.backward": [
        ("middle", "dx, at, dy", "dx, np.full_like(at, (shape[-1] - 1) // 2), dy", "x", "unsorted"),
        ("spread", "return", "dx += dy[..., None] / shape[-1]; return", "x", "mean's rule"),
        ("upper", "dx, at, dy", "dx, (at + 1) % shape[-1], dy", "x", "the next entry"),
    ],
})  # fmt: skip
