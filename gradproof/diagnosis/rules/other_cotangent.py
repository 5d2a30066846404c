"""Is this the right gradient for a different dy?

A gradient is linear in dy, so a missing sum, or entries in another order, look like another dy,
whatever the layer is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.diagnosis.evidence import Evidence, in_words, subsets
from gradproof.diagnosis.resample import larger, stretched
from gradproof.diagnosis.rules.other_options import Made, first

_SHIFTS = 4
"""Shifts of a cotangent by up to so many places are tried."""


def cotangent(e: Evidence) -> str:
    """The gradient is right for a different dy."""
    if not e.is_gradient or not e.case.dy:
        return ""
    ways = {told: None for told, _ in _others(e.case.dy)}
    said = first(e, ((told, _made(told)) for told in ways), partial(_further, e))
    return said or _moved(e)


def _further(e: Evidence) -> tuple[Evidence, ...]:
    return (*e.judge_again(larger), *_stretched(e))


def _stretched(e: Evidence) -> tuple[Evidence, ...]:
    return tuple(case for case in e.judge_again(stretched) if case.over.any())


def _moved(e: Evidence) -> str:
    """The gradient is right for dy shifted along an axis; by how much may depend on the lengths."""
    ways = (
        (f"{name} were shifted along axis {axis}", partial(_fitting_shift, i, axis))
        for i, (name, d) in enumerate(numbered("dy", e.case.dy).items())
        for axis in range(0 if d is None else d.ndim)
    )
    return first(e, ways, partial(_stretched, e)) if len(_stretched(e)) > 1 else ""


def _fitting_shift(i: int, axis: int, e: Evidence) -> Array | None:
    """The gradient for the first shift of a cotangent along an axis that fits, or for another."""
    d, made = e.case.dy[i], None
    assert d is not None
    for by in range(-_SHIFTS, _SHIFTS + 1) if d.ndim > axis else ():
        if by and abs(by) < d.shape[axis]:
            dy = (*e.case.dy[:i], np.roll(d, by, axis), *e.case.dy[i + 1 :])
            made = e.expected(e.case.target, e.case.arrays, dy=dy)
            if made is not None and made.shape == e.manual.shape and e.fits(made):
                return made
    return made


def _made(told: str) -> Made:
    def made(e: Evidence) -> Array | None:
        dy = dict(_others(e.case.dy)).get(told)
        return None if dy is None else e.expected(e.case.target, e.case.arrays, dy=dy)

    return made


def _others(dy: tuple[Array | None, ...]) -> Iterator[tuple[str, tuple[Array | None, ...]]]:
    """Yield (in words, all cotangents with one of them changed)."""
    given = [i for i, d in enumerate(dy) if d is not None]
    for i, (name, d) in enumerate(numbered("dy", dy).items()):
        for told, changed in _changed(name, d) if d is not None and d.size > 1 else ():
            yield told, (*dy[:i], changed, *dy[i + 1 :])
        if d is not None and len(dy) > 1:
            yield f"{name} were 0: it is missing", (*dy[:i], np.zeros_like(d), *dy[i + 1 :])
    for which, kept in (("first", given[0]), ("last", given[-1])) if len(given) > 1 else ():
        alone = tuple(d if d is None or i == kept else np.zeros_like(d) for i, d in enumerate(dy))
        yield f"only the {which} output's dy counted: the others are missing", alone


def _changed(name: str, d: Array) -> Iterator[tuple[str, Array]]:
    for axes in subsets(d.ndim):
        for where, at in (("first", 0), ("last", -1)):
            kept = np.zeros_like(d)
            place = tuple(at if axis in axes else slice(None) for axis in range(d.ndim))
            kept[place] = d[place]
            along = f"along {in_words(axes)} counted: a sum is missing"
            yield f"only the {where} entry of {name} {along}", kept
    for axes in subsets(d.ndim) if d.size else ():
        mean = np.broadcast_to(d.mean(axis=axes, keepdims=True), d.shape)
        yield f"{name} were its mean along {in_words(axes)}", np.array(mean)
    for axis in range(d.ndim):
        yield f"{name} were reversed along axis {axis}", np.flip(d, axis)
    if d.ndim > 1:
        yield f"{name} were in another order, by columns", d.ravel(order="F").reshape(d.shape)
        filled = d.ravel().reshape(d.shape, order="F")
        yield f"{name} were in another order, filled in by columns", filled
    if d.ndim > 1 and d.shape[-1] == d.shape[-2]:
        yield f"{name} were transposed", np.ascontiguousarray(np.swapaxes(d, -1, -2))
    yield f"{name} were 1: the factor {name} is missing", np.ones_like(d)
    for axis, n in enumerate(d.shape):
        for rows in (r for r in range(2, n) if n % r == 0):
            told = f"axis {axis} of {name} were read as {rows} × {n // rows} and transposed"
            yield told, _interleaved(d, axis, rows)


def _interleaved(d: Array, axis: int, rows: int) -> Array:
    """The entries along an axis read by rows, and written by columns."""
    moved = np.moveaxis(d, axis, 0)
    cut = moved.reshape(rows, len(moved) // rows, *moved.shape[1:]).swapaxes(0, 1)
    return np.ascontiguousarray(np.moveaxis(cut.reshape(moved.shape), 0, axis))
