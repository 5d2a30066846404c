"""A mean over n − 1 of n entries, or a sum for a mean, as a term of a gradient."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence, in_words, stretches, subsets
from gradproof.diagnosis.resample import larger
from gradproof.diagnosis.rules.formula import formula
from gradproof.diagnosis.rules.missing_along_axis import Axes, share

_EXACT = 1e-8
"""Relative difference up to which a factor counts as constant."""
_RANK = 5
_COUNTS: dict[str, Callable[[int], float]] = {
    "a mean over n − 1 entries instead of n, or the reverse": lambda n: 1 / (n - 1) - 1 / n,
    "a sum instead of a mean, or the reverse": lambda n: 1 - 1 / n,
}
"""In words → the absolute difference of the weights of a sum over n entries."""


def means(e: Evidence) -> str:
    """The residual is a term with a sum over axes, whose weight tells over how many."""
    if not e.is_gradient or not e.is_layer:
        return ""
    cases = [c for c in e.judge_again(larger) if min(c.manual.shape, default=0) > 1]
    if len({c.manual.shape for c in cases}) < 2 or len(e.manual.shape) > _RANK:
        return ""
    for axes in subsets(e.manual.ndim):
        found = [_weights_of(c, axes) for c in cases]
        for said, by in _COUNTS.items():
            for name in found[0]:
                if all(
                    _is(f.get(name), by(_count(c, axes))) for f, c in zip(found, cases, strict=True)
                ):
                    averaged = formula(e)
                    if averaged.startswith("averaged"):
                        return averaged
                    return f"{said}: the term with Σ({name}) along {in_words(axes)}"
    return ""


def _count(e: Evidence, axes: Axes) -> int:
    return math.prod(e.manual.shape[i] for i in axes)


def _is(weight: float | None, wanted: float) -> bool:
    return weight is not None and abs(abs(weight) - wanted) <= _EXACT * wanted


def _weights_of(e: Evidence, axes: Axes) -> dict[str, float]:
    """The residual's constant weight, for each term that it is a multiple of."""
    found: dict[str, float] = {}
    residual, target = e.manual - e.reference, np.abs(e.manual - e.reference).max(initial=0.0)
    for name, term in _terms(e, axes):
        size = float((term * term).sum())
        weight = float((term * residual).sum()) / size if size > 0 else 0.0
        if np.abs(residual - weight * term).max(initial=0.0) <= _EXACT * target:
            found.setdefault(name, weight)
    return found


def _terms(e: Evidence, axes: Axes) -> Iterator[tuple[str, Array]]:
    """Yield array · factors of a line · Σ(array · dy), for arrays of the gradient's shape."""
    residual = e.manual - e.reference
    known = {**e.arrays, **e.run_forward()}
    whole = {"": np.ones(e.manual.shape)} | {
        n: a for n, a in known.items() if a.shape == e.manual.shape
    }
    line = tuple(1 if i in axes else n for i, n in enumerate(e.manual.shape))
    lines = [a for a in known.values() if a.shape == line and stretches(a, e.manual)]
    dys = {n: d for n, d in e.cotangents.items() if d.shape == e.manual.shape}
    for outer in whole.values():
        if not _along(residual, outer, axes):
            continue
        for (inner, b), (name, d) in itertools.product(whole.items(), dys.items()):
            summed = outer * (b * d).sum(axis=axes, keepdims=True)
            for k in range(min(len(lines), 3) + 1):
                for factors in itertools.combinations(lines, k):
                    yield "·".join(filter(None, (inner, name))), math.prod(factors, start=summed)


def _along(residual: Array, pattern: Array, axes: Axes) -> bool:
    """Whether the residual is the pattern times a number per line."""
    with np.errstate(all="ignore"):
        part = share(residual, pattern, axes)
    return bool(
        np.abs(residual - part).max(initial=0.0) <= _EXACT * np.abs(residual).max(initial=0.0)
    )
