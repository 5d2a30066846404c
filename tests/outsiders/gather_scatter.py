"""Numbers read and added at given places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import index, permutation, real, spec
from tests.outsiders.common import bugs, cases, twin


def _places(at: Any, axis: int) -> Any:
    """The index that takes along the last or the first axis, one array for each axis."""
    places = list(np.indices(at.shape, sparse=True))
    places[axis] = at
    return tuple(places)


@dataclass(frozen=True)
class Gather:
    """y = x at the places `at` along the last axis; dx gathers what each place sent, added up."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "at": "index"}

    def forward(self, x: Any, at: Any) -> Any:
        return np.take_along_axis(x, at, -1), (at, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        at, shape = saved
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, _places(at, -1), dy)
        return {"x": dx}


@cases(Gather, rank=(1, 3), empty=False)
def gather(draw: Any, x: Any) -> Any:
    return spec(Gather(), x=real(*x), at=index(x[-1], *x[:-1], draw(st.integers(1, 9))))


@twin.register
def _(layer: Gather, x: Any, at: Any) -> Any:
    return torch.gather(x, -1, at)


@dataclass(frozen=True)
class ScatterAdd:
    """y = x, with `source` added at the places `at` along the last axis."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "at": "index", "source": "real"}

    def forward(self, x: Any, at: Any, source: Any) -> Any:
        y = x.copy()
        np.add.at(y, _places(at, -1), source)
        return y, (at,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (at,) = saved
        return {"x": dy.copy(), "source": np.take_along_axis(dy, at, -1)}


@cases(ScatterAdd, rank=(1, 3), empty=False)
def scatter_add(draw: Any, x: Any) -> Any:
    many = (*x[:-1], draw(st.integers(1, 9)))
    return spec(ScatterAdd(), x=real(*x), at=index(x[-1], *many), source=real(*many))


@twin.register
def _(layer: ScatterAdd, x: Any, at: Any, source: Any) -> Any:
    return torch.scatter_add(x, -1, at, source)


@dataclass(frozen=True)
class IndexAdd:
    """y = x, with alpha times each row of `source` added to the row `rows` says."""

    alpha: float = 1.0

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "rows": "index", "source": "real"}

    def forward(self, x: Any, rows: Any, source: Any) -> Any:
        y = x.copy()
        np.add.at(y, rows, self.alpha * source)
        return y, (rows,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (rows,) = saved
        return {"x": dy.copy(), "source": self.alpha * dy[rows]}


@cases(IndexAdd, rank=(1, 3), empty=False)
def index_add(draw: Any, x: Any) -> Any:
    n = draw(st.integers(1, 7))
    layer = IndexAdd(draw(st.sampled_from([1.0, -0.5, 3.0])))
    return spec(layer, x=real(*x), rows=index(x[0], n), source=real(n, *x[1:]))


@twin.register
def _(layer: IndexAdd, x: Any, rows: Any, source: Any) -> Any:
    return torch.index_add(x, 0, rows, source, alpha=layer.alpha)


@dataclass(frozen=True)
class IndexSelect:
    """The rows of x that `rows` names, in a permuted order."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "rows": "index"}

    def forward(self, x: Any, rows: Any) -> Any:
        return x[rows], (rows,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (rows,) = saved
        dx = np.empty(dy.shape, dy.dtype)
        dx[rows] = dy
        return {"x": dx}


@cases(IndexSelect, rank=(1, 3), empty=False)
def index_select(draw: Any, x: Any) -> Any:
    return spec(IndexSelect(), x=real(*x), rows=permutation(x[0]))


@twin.register
def _(layer: IndexSelect, x: Any, rows: Any) -> Any:
    return torch.index_select(x, 0, rows)


BUGS = bugs(__name__, {
    "Gather.backward": [
        ("assign", "np.add.at(dx, _places(at, -1), dy)", "np.put_along_axis(dx, at, dy, -1)",
         "x", "= for +=: a place that is read twice counts once"),
        ("buffered", "np.add.at(dx, _places(at, -1), dy)", "dx[_places(at, -1)] += dy",
         "x", "+= on fancy indices adds only once for each place"),
        ("edge", "-1), dy)", "-1), np.where(at == 0, 0, dy))", "x", "index 0 taken for padding"),
    ],
    "ScatterAdd.backward": [
        ("zeroed", '"x": dy.copy()', '"x": np.where(np.isin(np.arange(dy.shape[-1]), at), 0, dy)',
         "x", "scatter's rule: nothing reaches x where something was written"),
        ("order", "np.take_along_axis(dy, at, -1)", "np.take_along_axis(dy, np.sort(at, -1), -1)",
         "source", "the places are sorted in backward"),
        ("share", "np.take_along_axis(dy, at, -1)", "np.take_along_axis(dy, at, -1) / at.shape[-1]",
         "source", "the mean, not the sum"),
    ],
    "IndexAdd.backward": [
        ("alpha", "self.alpha * dy[rows]", "dy[rows]", "source", "the option alpha"),
        ("alpha-x", "dy.copy()", "self.alpha * dy", "x", "alpha scales x as well"),
        ("rows", "dy[rows]", "dy[rows[::-1]]", "source", "the rows in another order"),
    ],
    "IndexSelect.backward": [
        ("inverse", "dx[rows] = dy", "dx[...] = dy[rows]", "x", "not the inverse order"),
        ("identity", "dx[rows] = dy", "dx[...] = dy", "x", "the order is not undone"),
        ("reversed", "dx[rows] = dy", "dx[rows[::-1]] = dy", "x", "from the other end"),
    ],
})  # fmt: skip
