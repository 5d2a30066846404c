"""Inputs at which only a wrong mask shows: kinks, ties, values of options."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import right_apart, wrong_beside
from gradproof.subject.layer_options import options_of

_NEAR = 0.05
"""Entries count as near if they differ by less than this share of the largest."""


def special(e: Evidence) -> str:
    """Wrong only at kinks, ties or special option values."""
    if not e.over.all():
        return ""
    if not right_apart(e.subject, e.finding):
        return ""
    found = list(_what(e))
    several = " or ".join(found) if len(found) <= 2 else ""
    where = several or "at a kink, a tie or another special value"
    near = wrong_beside(e.subject, e.finding) and "nearly" not in where
    return f"only {where}{' or near it' if near else ''} (wrong mask, clip or eps?)"


def _what(e: Evidence) -> Iterator[str]:
    """Yield what is special about the inputs."""
    given = {n: a for n, a in e.arrays.items() if n in e.case.arrays}
    for name, a in given.items():
        if a.size and (a == a.flat[0]).all():
            for value, told in _values(e):
                if a.flat[0] == value:
                    yield f"where {name} is {told}"
        elif not a.any():
            yield f"where {name} is 0"
        if a.size > 1 and name == e.quantity:
            yield from _ties(name, a)
    for (one, a), (other, b) in itertools.combinations(given.items(), 2):
        if a.shape == b.shape and a.any() and (a == b).all():
            yield f"where {one} is {other}"


def _values(e: Evidence) -> Iterator[tuple[float, str]]:
    yield 0.0, "0"
    for name, value in options_of(e.case.target).items():
        if isinstance(value, float) and value != 0:
            yield value, f"{name}, {value:g}"
            yield -value, f"−{name}, {-value:g}"


def _ties(name: str, a: Array) -> Iterator[str]:
    apart = np.diff(np.sort(a, axis=None))
    if (apart == 0).any():
        yield f"where entries of {name} are equal"
    elif apart.min() < _NEAR * np.abs(a).max():
        yield f"where entries of {name} are nearly equal"
