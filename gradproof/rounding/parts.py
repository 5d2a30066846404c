"""Large arrays in parts that stay in the processor's cache.

A pass over a large array takes as long as its memory takes, whatever is computed; several passes
over a part that is still in the cache cost hardly more than one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
LARGE = 1 << 16
"""An array of more numbers is taken in parts of about half as many."""


def by_parts(function: Callable[..., Array], *arrays: Array, spare: Array | None = None) -> Array:
    """The function, entry by entry, of arrays of one shape; NumPy warns of nothing.

    spare    memory for a large result; it may be one of the arrays
    """
    first, out = arrays[0], spare
    with np.errstate(all="ignore"):
        if first.size <= LARGE:
            return np.asarray(function(*arrays))
        rows = max(1, LARGE // 2 * len(first) // first.size)
        for start in range(0, len(first), rows):
            part = slice(start, start + rows)
            made = function(*(a[part] for a in arrays))
            if out is None:
                out = np.empty(first.shape, made.dtype)
            out[part] = made
    assert out is not None, "a large array has parts"
    return out
