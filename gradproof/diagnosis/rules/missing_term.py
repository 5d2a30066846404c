"""A factor or a term that is wrong, found in several cases together.

In one small case anything may be a multiple of anything else. Over several cases with fresh inputs
that is no coincidence.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence, joined, stretches
from gradproof.diagnosis.rules.constant_factor import factor_between

Named: TypeAlias = Mapping[str, Array]
ENOUGH = 4
"""The fewest wrong entries in all cases together: fewer may have a constant by chance."""
EXACT = 1e-9
"""Relative difference up to which a factor counts as constant."""


def multiple(e: Evidence) -> str:
    """The same factor for every entry of every case."""
    by = ratio(e)
    if by is None or abs(by - 1) < 1e-2:
        return ""
    said = factor_between(e, e.manual, e.reference, e.bound)
    return said or (f"sign and factor {-by:.4g}" if by < 0 else f"factor {by:.4g}")


def ratio(e: Evidence, exact: float = EXACT) -> float | None:
    """That factor, if there is one."""
    return _constant(*_all(e), exact)


def factor(e: Evidence, exact: float = EXACT) -> str:
    """A factor that is missing, is there once too often, or stands where another should."""
    manual, reference = _all(e)
    if not manual.size:
        return ""
    numbers = dict(_derived(_together(e, "arrays"))) | _together(e, "cotangents")
    nothing = ("", np.ones(manual.size))
    pairs = itertools.permutations(numbers.items(), 2)
    for (name, a), (other, b) in (*((one, nothing) for one in numbers.items()), *pairs):
        told = f"{name} {other}".strip()
        with np.errstate(all="ignore"):
            if _constant(manual * (a * b), reference, exact) is not None:
                return f"the factor {told} is missing"
            if _constant(manual, reference * (a * b), exact) is not None:
                return f"one factor {told} too many"
            same = not other or _constant(np.abs(a), np.abs(b), exact) is not None
            if not same and _constant(manual * a, reference * b, exact) is not None:
                return f"as if {other} stood for {name}, up to a constant factor"
    return ""


def term(e: Evidence) -> str:
    """A term that is missing, or has a wrong sign or factor."""
    manual, reference = _all(e)
    if not manual.size or np.abs(reference).max() <= EXACT * np.abs(manual).max():
        return ""  # the right gradient is zero: any term would be too many
    terms = dict(_terms(e))
    for name, one in terms.items():
        weight = _constant(manual - reference, one)
        if weight is None:
            continue
        for other in terms.values():
            right = _weight(reference, one, other)
            if right is not None:
                return _told(name, weight + right, right)
        return f"a term proportional to {name} is missing, or has another factor"
    return ""


def _told(name: str, wrong: float, right: float) -> str:
    if abs(wrong) <= EXACT * abs(right):
        return f"a term proportional to {name} is missing"
    if abs(right) <= EXACT * abs(wrong):
        return f"a term proportional to {name} too many"
    if abs(wrong + right) <= EXACT * abs(right):
        return f"the sign of the term proportional to {name}"
    return f"factor {wrong / right:.4g} of the term proportional to {name}"


def _weight(target: Array, one: Array, other: Array) -> float | None:
    """The weight a in target = a·one + b·other; None if there is none."""
    if _constant(one, other) is not None or not np.isfinite(other).all():
        return None
    basis = np.stack([one, other], axis=1)
    weights = np.linalg.lstsq(basis, target, rcond=None)[0]
    error = np.abs(basis @ weights - target).max()
    return float(weights[0]) if error <= EXACT * np.abs(target).max() else None


def _all(e: Evidence) -> tuple[Array, Array]:
    """Manual and reference of all cases, concatenated; empty where too few entries are wrong."""
    cases = e.exact
    if sum(np.count_nonzero(c.over) for c in cases) < ENOUGH:
        return np.zeros(0), np.zeros(0)
    return joined(cases, "manual"), joined(cases, "reference")


def _constant(made: Array, of: Array, exact: float = EXACT) -> float | None:
    """The factor by which `made` is a multiple of `of`; None if it is none, or the factor is 0."""
    if made.size < ENOUGH or not (np.isfinite(made).all() and np.isfinite(of).all()):
        return None
    length = float(of @ of)
    by = float(made @ of) / length if length > 0 else 0.0
    if by == 0 or np.count_nonzero(of) < ENOUGH:
        return None
    return by if np.abs(made - by * of).max() <= exact * np.abs(made).max() else None


def _together(e: Evidence, which: str) -> dict[str, Array]:
    """The arrays or cotangents that broadcast to the quantity, over all cases."""
    cases = e.exact
    found: dict[str, Array] = {}
    for name in getattr(e, which):
        try:
            parts = [np.broadcast_to(getattr(c, which)[name], c.manual.shape) for c in cases]
        except (KeyError, ValueError):
            continue
        found[name] = np.concatenate([np.ravel(part) for part in parts])
    return found


def _derived(numbers: Named) -> Iterator[tuple[str, Array]]:
    for name, a in numbers.items():
        yield name, a
    for name, a in numbers.items():
        yield f"(1 − {name})", 1 - a
        yield f"(1 + {name})", 1 + a
        yield f"|{name}|", np.abs(a)
        with np.errstate(all="ignore"):
            yield f"√{name}", np.sqrt(a)
            yield f"exp {name}", np.exp(a)


def _terms(e: Evidence) -> Iterator[tuple[str, Array]]:
    """Yield products of up to two arrays; for a layer's gradient, times dy."""
    numbers = _together(e, "arrays")
    start = {"": np.ones(sum(c.manual.size for c in e.exact))}
    if e.cotangents and e.is_gradient:
        start = _together(e, "cotangents")
    for name, a in start.items():
        yield name or "a constant", a
        for one, b in numbers.items():
            yield "·".join(filter(None, (name, one))), a * b
        for (one, b), (two, c) in itertools.combinations_with_replacement(numbers.items(), 2):
            yield "·".join(filter(None, (name, one, two))), a * b * c


def missing_factor(e: Evidence) -> str:
    """dy itself, or an array that a product lacks or has once too often."""
    for name, dy in e.cotangents.items():
        if dy.shape == e.manual.shape and e.fits(dy):
            if not e.reference.any():
                return f"{name} itself, where it should be zero"
            return f"{name} itself: the factor of the layer's derivative is missing"
    for name, array in e.arrays.items():
        if array.size > 1 and stretches(array, e.manual) and array.any():
            with np.errstate(all="ignore"):
                if e.fits(e.manual * array, against=e.reference):
                    return f"the factor {name} is missing"
                if e.fits(e.reference * array):
                    return f"one factor {name} too many"
    return ""
