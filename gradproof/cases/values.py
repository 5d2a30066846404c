"""Filling arrays with values that expose mistakes: a hazard is one way to draw numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.subject.entries import Entry, Shape

Generator: TypeAlias = np.random.Generator


def _grid(r: Generator, shape: Shape) -> Array:
    """Half-integers: ties, exact zeros, and the kinks of most piecewise functions."""
    return r.integers(-13, 14, shape) / 2


def _few(r: Generator, shape: Shape) -> Array:
    """Small integers, so that nearly every row has a tie."""
    return r.integers(-1, 2, shape).astype(float)


def _rectified(r: Generator, shape: Shape) -> Array:
    """Half of the entries exactly zero, as after a ReLU."""
    return np.maximum(r.standard_normal(shape), 0.0)


def _constant_rows(r: Generator, shape: Shape) -> Array:
    """All entries of a row equal: no spread, every entry a tie."""
    rows = r.standard_normal((*shape[:-1], 1)) if shape else r.standard_normal(())
    return np.broadcast_to(rows, shape)


def _saturated(r: Generator, shape: Shape) -> Array:
    """Far into the tails of sigmoids and softmaxes."""
    return 30.0 * r.standard_normal(shape)


def _offset(r: Generator, shape: Shape) -> Array:
    """A large mean with a small spread."""
    return 1e3 + 1e-3 * r.standard_normal(shape)


def _tiny(r: Generator, shape: Shape) -> Array:
    return 1e-8 * r.standard_normal(shape)


def _huge(r: Generator, shape: Shape) -> Array:
    return 1e5 * r.standard_normal(shape)


def _mixed_scales(r: Generator, shape: Shape) -> Array:
    """Magnitudes from 1e-6 to 1e6 side by side: small entries that a norm would hide."""
    return r.standard_normal(shape) * 10.0 ** r.integers(-6, 7, shape)


HAZARDS: dict[str, Callable[[Generator, Shape], Array]] = {
    "normal": lambda r, shape: r.standard_normal(shape),
    "grid": _grid,
    "few": _few,
    "rectified": _rectified,
    "constant-rows": _constant_rows,
    "saturated": _saturated,
    "offset": _offset,
    "tiny": _tiny,
    "huge": _huge,
    "mixed-scales": _mixed_scales,
}
"""Ways to draw real numbers. The first has unit magnitudes, so that shrinking prefers it."""
ANY = (*HAZARDS, "grid", "grid", "few")
"""The hazards of a layer's own cases: kinks and ties a little more often than the others."""
MILD = ("normal", "grid", "rectified", "few", "normal", "constant-rows", "normal", "saturated")
MILD_PARAMETERS = ("normal", "few", "normal", "grid")
"""The hazards of a deep network: not all of it overflows or saturates."""


def _invertible(r: Generator, shape: Shape) -> Array:
    left, right = (np.linalg.qr(r.standard_normal(shape)).Q for _ in range(2))
    columns = (*shape[:-2], 1, shape[-1])
    return np.asarray(
        (left * r.choice([-1.0, 1.0], columns) * r.uniform(0.5, 2.0, columns)) @ right
    )


def _positive_definite(r: Generator, shape: Shape) -> Array:
    axes = np.linalg.qr(r.standard_normal(shape)).Q
    made = (axes * r.uniform(0.5, 2.0, (*shape[:-2], 1, shape[-1]))) @ axes.swapaxes(-1, -2)
    return np.asarray((made + made.swapaxes(-1, -2)) / 2)


def _unit(r: Generator, shape: Shape) -> Array:
    vectors = r.standard_normal(shape)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _mask(r: Generator, shape: Shape) -> Array:
    ones = r.random(shape) < 0.5
    kept = r.integers(0, shape[-1], (*shape[:-1], 1))
    np.put_along_axis(ones, kept, True, axis=-1)
    return ones.astype(float)


_STRUCTURED: dict[str, Callable[[Generator, Shape], Array]] = {
    "invertible": _invertible,
    "positive definite": _positive_definite,
    "unit": _unit,
    "mask": _mask,
}
"""Domains in which the numbers of a row or matrix belong together."""


def fill(entry: Entry, hazard: str, generator: Generator, dtype: str) -> Array:
    """An array of the entry's shape and domain; integers are int64, all else is `dtype`.

    Only "real", "ordered" and "positive" entries follow every hazard; a "uniform" one takes its
    ends and its middle where the hazard asks for ties.
    """
    r, shape = generator, entry.shape
    if entry.domain == "permutation":
        return r.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1)
    if entry.domain == "index":
        drawn = r.integers(int(entry.low), int(entry.high), shape)
        if entry.also is not None:
            drawn = np.where(r.random(shape) < 0.3, entry.also, drawn)
        return np.asarray(drawn, dtype=np.int64)
    if entry.domain == "choice":
        numbers = r.choice(np.asarray(entry.values), shape)
    elif entry.domain == "uniform":
        numbers = r.uniform(entry.low, entry.high, shape)
        if hazard in ("grid", "few", "rectified"):
            ends = np.asarray([entry.low, entry.high, (entry.low + entry.high) / 2])
            numbers = np.where(r.random(shape) < 0.5, r.choice(ends, shape), numbers)
    elif entry.domain == "positive":
        spread = {"tiny": -8.0, "huge": 5.0, "offset": 3.0}.get(hazard, 0.0)
        numbers = 10.0**spread * np.exp(r.standard_normal(shape))
    elif entry.domain == "real":
        numbers = HAZARDS[hazard](r, shape)
    elif entry.domain == "ordered":
        numbers = np.sort(HAZARDS[hazard](r, shape), axis=-1)
    elif entry.domain in _STRUCTURED:
        numbers = _STRUCTURED[entry.domain](r, shape)
    else:
        raise ValueError(f"unknown domain {entry.domain!r}")
    return np.array(numbers, dtype=dtype)


LAYOUTS = ("C", "F", "strided", "reversed")
"""How an array lies in memory."""


def lay_out(array: Array, layout: str) -> Array:
    """A read-only copy in the given memory layout."""
    if array.ndim == 0 or array.size == 0:
        laid = array.copy()
    elif layout == "F":
        laid = np.array(array, order="F")
    elif layout == "strided":
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 77, dtype=array.dtype)
        laid = wide[..., ::2]
        laid[...] = array
    elif layout == "reversed":
        laid = np.array(array[::-1], order="C")[::-1]
    else:
        laid = np.array(array, order="C")
    laid.flags.writeable = False
    return laid


_DY = 1 << 20  # the generator stream of the cotangents, after any argument's


def draw_dy(
    outputs: Sequence[Array], able: Sequence[bool], hazard: str, seed: int, absent: bool = False
) -> tuple[Array | None, ...]:
    """The cotangents dy of outputs, with random signs; `Case.with_dy` calls it once y is known.

    None for an output of integers, or one that may have none.

    The hazard "broadcast" repeats one row without a copy; "sparse" makes half of the entries 0;
    "ones" is what a sum of y has; "alone" makes all outputs but one have zeros, or None if they
    are to be absent.
    """
    chosen = seed % max(len(outputs), 1)
    drawn: list[Array | None] = []
    for i, y in enumerate(outputs):
        alone = hazard == "alone" and i != chosen
        if y.dtype.kind not in "fc" or not able[i] or (alone and absent):
            drawn.append(None)
            continue
        r = np.random.default_rng([seed, _DY + i])
        if hazard == "broadcast" and y.ndim:
            row = r.standard_normal(y.shape[-1:]).astype(y.dtype)
            dy = np.broadcast_to(row, y.shape)
        elif hazard == "ones" or alone:
            dy = np.full(y.shape, hazard == "ones", dtype=y.dtype)
        else:
            name = hazard if hazard in HAZARDS else "normal"
            dy = np.array(HAZARDS[name](r, y.shape), dtype=y.dtype)
            if hazard == "sparse" and y.size > 1:
                dy.flat[r.permutation(y.size)[: y.size // 2]] = 0
        dy.flags.writeable = False
        drawn.append(dy)
    return tuple(drawn)
