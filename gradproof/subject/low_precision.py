"""Numbers of 16 bits: bfloat16 and float16, held in float32 arrays, which have all of them.

A kernel that computes in float32 and rounds once, at the end, returns a number m. What it had
before is not known, but lies between the numbers that round to m; `rounds_to` has both ends.

Source    IEEE 754-2019, §3.6 (binary16), §4.3.1; https://github.com/jax-ml/ml_dtypes (bfloat16)
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from gradproof.arrays import Array, by_entry

LOW = ("bfloat16", "float16")
"""The dtypes of 16 bits in which a function may be judged."""


def low_dtype(name: str) -> np.dtype[Any]:
    """The NumPy dtype of that name; that of bfloat16 is ml_dtypes'."""
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else np.float16)


def lowered(a: Array | None, name: str) -> Any:
    """A copy in low precision; an array of integers unchanged."""
    if a is None or a.dtype.kind != "f":
        return a
    with np.errstate(over="ignore", under="ignore"):
        return by_entry(a, lambda part: part.astype(low_dtype(name)))


def held(a: Array | None) -> Any:
    """A copy in float32 of an array in low precision; any other unchanged."""
    return a if a is None or a.dtype.name not in LOW else a.astype(np.float32)


def rounded(a: Array | None, name: str) -> Any:
    """A float32 array with every number rounded to one of low precision.

    A quarter of the largest number at most: twice a cotangent has to be a number, too.
    """
    if a is None or a.dtype.kind != "f":
        return a
    dtype = low_dtype(name)
    most = float(np.nextafter(dtype.type(np.inf), dtype.type(0))) / 4
    return by_entry(a, lambda part: np.clip(part, -most, most).astype(dtype).astype(np.float32))


def rounds_to(m: Array) -> tuple[Array, Array]:
    """The least and the greatest of what rounds to each of these numbers, in float64.

    m    in low precision; infinity stands where the number after the largest would
    """
    number = m.dtype.type
    up, down = number(np.inf), number(-np.inf)
    most = np.nextafter(up, down)
    after = 2 * float(most) - float(np.nextafter(most, down))
    with np.errstate(all="ignore"):
        below, here, above = (
            np.clip(a.astype(np.float64), -after, after)
            for a in (np.nextafter(m, down), m, np.nextafter(m, up))
        )
        low = np.where(m == down, -np.inf, (below + here) / 2)
        high = np.where(m == up, np.inf, (here + above) / 2)
    return low, high


def before_rounding(m: Array, truth: Array) -> tuple[Array, Array]:
    """What may have been rounded to m: of all that rounds to it, what is nearest to the truth.

    m        in low precision;  truth: in float64

    Returns it, and half the distance of the two numbers beside each, both in float64.
    """
    low, high = rounds_to(m)
    with np.errstate(all="ignore"):
        nearest = np.clip(truth, low, high)
        half = (high - low) / 2
        known = np.isfinite(half)
        return np.where(np.isnan(truth), m.astype(np.float64), nearest), np.where(known, half, 0.0)
