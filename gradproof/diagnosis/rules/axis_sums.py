"""A sum over the wrong axes, or one entry where a sum should be."""

from __future__ import annotations

import itertools

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence


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


def _same(made: Array, expected: Array, bound: Array) -> bool:
    if made.size != expected.size:
        return False
    return bool((np.abs(made.reshape(expected.shape) - expected) <= 2 * bound).all())
