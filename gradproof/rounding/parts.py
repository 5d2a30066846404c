"""Large arrays in parts that stay in the processor's cache.

A pass over a large array takes as long as its memory takes, whatever is computed; several passes
over a part that is still in the cache cost hardly more than one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

Part: TypeAlias = Any
"""What picks a part of an array or a tensor: rows of its first axis, or ... for all of it."""
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
LARGE = 1 << 16
"""An array of more numbers is taken in parts of about half as many."""


def parts(shape: Sequence[int]) -> Iterator[Part]:
    """The parts of an array or a tensor of this shape, in order."""
    size = math.prod(shape)
    if size <= LARGE:
        yield ...
        return
    rows = max(1, LARGE // 2 * shape[0] // size)
    for start in range(0, shape[0], rows):
        yield slice(start, start + rows)


def by_parts(function: Callable[..., Array], *arrays: Array, spare: Array | None = None) -> Array:
    """The function, entry by entry, of arrays of one shape; NumPy warns of nothing.

    spare    memory for a large result; it may be one of the arrays
    """
    first, out = arrays[0], spare
    with np.errstate(all="ignore"):
        if first.size <= LARGE:
            return np.asarray(function(*arrays))
        for part in parts(first.shape):
            made = function(*(a[part] for a in arrays))
            if out is None:
                out = np.empty(first.shape, made.dtype)
            out[part] = made
    assert out is not None, "a large array has parts"
    return out
