"""A sum over the wrong axes, or one entry where a sum should be."""

from __future__ import annotations

import itertools

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence, in_words, stretches


def summed_otherwise(e: Evidence) -> str:
    """A sum over other axes than the right ones, or one entry where a sum should be."""
    for whole in [*e.cotangents.values(), *e.expanded()]:
        axes = range(whole.ndim)
        subsets = [s for n in range(1, whole.ndim + 1) for s in itertools.combinations(axes, n)]
        right = [s for s in subsets if _same(whole.sum(axis=s), e.reference, e.bound)]
        if not right:
            continue
        said = ", ".join(map(str, right[0]))
        for s in subsets:
            if s not in right and _same(whole.sum(axis=s), e.manual, e.bound):
                return f"summed over axis {', '.join(map(str, s))} instead of {said}"
        for where, at in (("first", 0), ("last", -1)):
            one = whole[tuple(at if a in right[0] else slice(None) for a in axes)]
            if _same(one, e.manual, e.bound):
                return f"the sum over axis {said} is missing: only the {where} entry is taken"
    return ""


def spread_otherwise(e: Evidence) -> str:
    """A cotangent spread along other axes than the right ones: a sum's or mean's gradient."""
    for d in e.cotangents.values():
        missing = e.manual.ndim - d.ndim
        ways = itertools.combinations(range(e.manual.ndim), missing) if missing > 0 else ()
        made = {axes: np.expand_dims(d, axes) for axes in ways}
        fitting = {axes: a for axes, a in made.items() if stretches(a, e.manual)}
        right = [axes for axes, a in fitting.items() if _multiple(e, a, e.reference)]
        for axes, a in fitting.items():
            if right and axes not in right and _multiple(e, a, e.manual):
                return f"dy is spread along {in_words(axes)} instead of {in_words(right[0])}"
    return ""


def _multiple(e: Evidence, made: Array, of: Array) -> bool:
    """Whether an array is a multiple of this one, broadcast."""
    made = np.broadcast_to(made, of.shape)
    size = float((made * made).sum())
    return size > 0 and bool(of.any()) and e.fits(float((made * of).sum()) / size * made, None, of)


def _same(made: Array, expected: Array, bound: Array) -> bool:
    if made.size != expected.size:
        return False
    return bool((np.abs(made.reshape(expected.shape) - expected) <= 2 * bound).all())
