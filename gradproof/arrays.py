"""The array type, and helpers for arrays that every room uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

T = TypeVar("T")
NUMPY = {name: function for name, function in vars(np).items() if callable(function)}
"""NumPy's functions, as they were before a subject was loaded."""


FLOATING = "fV"
"""Kinds of dtypes of floating numbers; that of bfloat16 is V, as all are that NumPy lacks."""


def numbered(name: str, arrays: Sequence[T]) -> dict[str, T]:
    """One array per output, by name: y, y1, y2, … or dy, dy1, dy2, …"""
    return {f"{name}{i or ''}": a for i, a in enumerate(arrays)}


def in_dtype(a: Array | None, dtype: Any) -> Any:
    """A copy of the array in another dtype; an array of integers unchanged."""
    return a if a is None or a.dtype.kind != "f" else np.array(a, dtype=dtype)


def in_double(a: Array | None) -> Any:
    """A copy of the array in float64; an array of integers unchanged."""
    return in_dtype(a, np.float64)


def largest(arrays: Sequence[Array]) -> float:
    """The largest magnitude in the arrays, at least 1."""
    return max([1.0, *(max(float(a.max()), -float(a.min())) for a in arrays if a.size)])


Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def frozen(array: Array) -> Array:
    """The array itself, made read-only."""
    array = np.asarray(array)
    array.flags.writeable = False
    return array


def by_entry(a: Array, function: Callable[[Array], Array]) -> Array:
    """The function of each number, read-only; what repeats without a copy stays so."""
    if 0 not in a.strides:
        return frozen(function(a))
    part = a[tuple(slice(1) if step == 0 else slice(None) for step in a.strides)]
    return np.broadcast_to(function(part), a.shape)


def equal(a: Array, b: Array) -> bool:
    """Whether they are equal. NaN is thought of only where they seem to differ: it takes longer."""
    return np.array_equal(a, b) or np.array_equal(a, b, equal_nan=a.dtype.kind in FLOATING)


def beside(a: Array, r: np.random.Generator) -> Array:
    """The array with every number replaced by one of the two next to it."""
    towards = np.where(r.random(a.shape) < 0.5, -np.inf, np.inf).astype(a.dtype)
    return frozen(np.nextafter(a, towards))
