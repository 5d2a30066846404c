"""The right numbers at the wrong places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import larger

_AXES = 4
"""Up to so many axes, all their orders are tried."""
_EDGE = 2
"""Shifts of up to so many places past an edge are tried."""
_APART = 16
"""Nearer than so many bounds, an entry may be the wrong one's own right number."""
_SHIFTS = 32
"""Up to this length of an axis, all shifts along it are tried."""


def reordered(e: Evidence) -> str:
    """Axes or entries in another order, on axes that are long enough to tell."""
    return _named(next(iter(e.judge_again(larger)), e))


def _named(e: Evidence) -> str:
    for told, turned, bound in _orders(e.reference, e.bound):
        if turned.shape == e.manual.shape and e.fits(turned, bound):
            return told
    return _read_otherwise(e) or _joined(e) or _cut_off(e) or _at_the_start(e) or _misplaced(e)


def _read_otherwise(e: Evidence) -> str:
    """A cotangent reshaped with its axes in another order."""
    for name, d in e.cotangents.items():
        if (
            d.size != e.manual.size
            or d.ndim > _AXES
            or not e.fits(d.reshape(e.manual.shape), None, e.reference)
        ):
            continue
        for order in itertools.permutations(range(d.ndim)):
            if e.fits(np.transpose(d, order).reshape(e.manual.shape)):
                return f"transposed: as if {name} were reshaped with its axes in the order {order}"
    return ""


def _joined(e: Evidence) -> str:
    """Its halves joined along another axis than they are cut along."""
    right, axes = e.reference, range(e.reference.ndim)
    for cut, joint in itertools.permutations(axes, 2):
        if right.shape[cut] % 2 == 0 and right.size:
            made = np.concatenate(np.split(right, 2, axis=cut), axis=joint).reshape(right.shape)
            if e.fits(made):
                return (
                    f"in another order: as if its halves were joined along axis {joint}, not {cut}"
                )
    return ""


def _at_the_start(e: Evidence) -> str:
    """The numbers that are not zero stand in the right order, but from the start on."""
    manual, right = e.manual.ravel(), e.reference.ravel()
    kept = right[right != 0]
    moved = 1 < kept.size < right.size and not manual[kept.size :].any()
    if moved and np.array_equal(manual[: kept.size], kept):
        return "in another order: the right numbers are shifted to the start"
    return ""


def _cut_off(e: Evidence) -> str:
    """Shifted along the last axes, with what passes an edge lost."""
    axes = range(max(e.manual.ndim - 2, 0), e.manual.ndim)
    for by in itertools.product(range(-_EDGE, _EDGE + 1), repeat=len(axes)):
        shifted = {axis: n for axis, n in zip(axes, by, strict=True) if n}
        if not shifted or any(2 * abs(n) >= e.manual.shape[axis] for axis, n in shifted.items()):
            continue
        here, there = [slice(None)] * e.manual.ndim, [slice(None)] * e.manual.ndim
        for axis, n in shifted.items():
            here[axis] = slice(n, None) if n > 0 else slice(None, n)
            there[axis] = slice(None, -n) if n > 0 else slice(-n, None)
        made = e.manual.copy()
        made[tuple(here)] = right = e.reference[tuple(there)]
        if len(np.unique(right)) > 1 and e.fits(made, e.bound.max(initial=0.0)):
            told = " and ".join(f"by {n} along axis {axis}" for axis, n in shifted.items())
            return f"in another order: shifted {told}, with what passes the edge lost"
    return ""


def _orders(right: Array, bound: Array) -> Iterator[tuple[str, Array, Array]]:
    """Yield (in words, the right array in another order, its bound)."""
    axes = range(right.ndim)
    for a, b in itertools.combinations(axes, 2):
        told = "transposed" if right.ndim == 2 else f"axes {a} and {b} are swapped"
        yield told, np.swapaxes(right, a, b), np.swapaxes(bound, a, b)
    for axis in axes:
        yield f"reversed along axis {axis}", np.flip(right, axis), np.flip(bound, axis)
    for axis in axes:
        for by in range(1, min(right.shape[axis], _SHIFTS)):
            shift = by if 2 * by <= right.shape[axis] else by - right.shape[axis]
            told = f"in another order: shifted by {shift} along axis {axis}"
            if 2 * by == right.shape[axis]:
                told = f"its halves along axis {axis} are exchanged"
            yield told, np.roll(right, by, axis), np.roll(bound, by, axis)
    orders = list(itertools.permutations(axes))[1:] if right.ndim <= _AXES else []
    for order in orders:
        told = f"transposed: its axes are in the order {order}"
        if tuple(np.argsort(order)) != order:
            told += ", a permutation for its inverse?"
        yield told, np.transpose(right, order), np.transpose(bound, order)
    for order in orders:
        told = f"in another order: as if reshaped with its axes in the order {order}"
        yield told, _read(right, order), _read(bound, order)
        back = np.transpose(np.arange(right.size).reshape(right.shape), order).ravel()
        yield told, _scattered(right, back), _scattered(bound, back)


def _read(a: Array, order: tuple[int, ...]) -> Array:
    return np.transpose(a, order).reshape(a.shape)


def _scattered(a: Array, places: Array) -> Array:
    made = np.empty(a.size)
    made[places] = a.ravel()
    return made.reshape(a.shape)


def _misplaced(e: Evidence) -> str:
    """Each wrong number is the right number of another entry."""
    wrong = e.over & (e.manual != 0)
    if len(np.unique(e.reference[e.reference != 0])) < 2 or not wrong.any():
        return ""
    right = np.sort(e.reference, axis=None)
    numbers = e.manual[wrong]
    above = np.searchsorted(right, numbers).clip(1, right.size - 1)
    near = np.minimum(np.abs(right[above] - numbers), np.abs(right[above - 1] - numbers))
    near_by = (e.error[wrong] <= _APART * e.bound[wrong]).any()
    if (
        wrong.sum() < 2
        or near_by
        or not (near <= 2 * e.bound[wrong] + 1e-14 * np.abs(numbers)).all()
    ):
        return ""
    if (np.abs(np.sort(e.manual, axis=None) - right) <= 2 * e.bound.max()).all():
        return "the right numbers in another order"
    return "right numbers, but in another order: some at places of others, some missing"
