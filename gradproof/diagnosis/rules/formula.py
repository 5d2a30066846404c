"""Which term of a gradient's formula is wrong, and which term it should be.

Terms are products of the cotangent and simple functions of the case's arrays, and sums of such
products along an axis. They are compared over several cases, so that none fits by chance.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis import budget
from gradproof.diagnosis.evidence import Evidence, joined, stretches
from gradproof.diagnosis.resample import elsewhere, larger

Terms: TypeAlias = Callable[[Evidence], Iterator[tuple[str, Array]]]
MOST = 64
"""Entries that are compared; with so many equations no two terms are alike by chance."""
LARGEST = 4096
"""The most entries in all cases together: more would take too much memory."""
FEW = 6
"""The fewest wrong entries in all cases together: fewer may fit a formula by chance."""
MANY = 16
"""The fewest entries for a term that explains the difference, but not the rest."""
FACTORS = 20
"""Up to so many factors are multiplied three at a time, more of them two at a time."""
_PARALLEL, _NEAR = 1 - 1e-6, 1e-8
"""cos² of the angle from which two terms are compared entry by entry; or they are so near."""
EXACT = 1e-9
"""Relative difference up to which two terms count as equal."""


def formula(e: Evidence) -> str:
    """The term that is missing, has a wrong factor, or stands where another should."""
    if not e.is_gradient or not e.cotangents:
        return ""
    longer = e.judge_again(larger)
    groups = ((*e.exact, *e.judge_again(elsewhere), *longer), (*e.exact, *longer))
    for terms, cases in ((_sums, longer), *((_products, group) for group in groups)):
        small = 0 < sum(case.manual.size for case in cases) <= LARGEST
        said = _explained(terms, cases) if small else ""
        if said:
            return said
    return ""


def _explained(terms: Terms, cases: Sequence[Evidence]) -> str:
    """The explanation, from the terms of these cases concatenated."""
    known: dict[str, list[Array]] = {}
    for case in cases:
        for name, a in dict(terms(case)).items():
            known.setdefault(name, []).append(np.broadcast_to(a, case.manual.shape).ravel())
    over, manual, reference = (joined(cases, s) for s in ("over", "manual", "reference"))
    chosen = np.argsort(~over, kind="stable")[:MOST]
    if over[chosen].sum() < FEW:
        return ""
    whole = {n: np.concatenate(p) for n, p in known.items() if len(p) == len(cases)}
    usable = {n: t[chosen] for n, t in whole.items() if t.size == over.size}
    usable = {n: t for n, t in usable.items() if np.isfinite(t).all() and t.any()}
    return _told(usable, manual[chosen], reference[chosen])


def _told(terms: dict[str, Array], manual: Array, reference: Array) -> str:
    """The simplest explanation: one term for another, one term too many or too few."""
    if not terms or _is_nothing(reference, manual):
        return ""  # anything is too much
    names, table = list(terms), np.stack(list(terms.values()))
    found = list(_exchanges(table, manual, reference))
    whole = (pair for pair, rest in found if _is_nothing(rest, reference))
    part = (pair for pair, rest in found if _is_one_of(rest, table))
    pair = next(whole, None)
    said = "" if pair else _alone(terms, table, manual, reference)
    pair = pair or next(part, None)
    said = said or (_in_words(names[pair[0]], names[pair[1]]) if pair else "")
    return said or _some_term(terms, manual, reference)


def _alone(terms: dict[str, Array], table: Array, manual: Array, reference: Array) -> str:
    """A term that is missing, too many, or has the wrong sign."""
    residual = manual - reference
    for i in _fitting(table, residual):
        name = list(terms)[i]
        if _is_nothing(manual, reference) or _is_one_of(manual, table):
            return f"a term proportional to {name} is missing"
        if _is_one_of(reference, table):
            return f"a term proportional to {name} too many"
        if _is_one_of(reference + residual / 2, table):
            return f"the sign of the term proportional to {name}"
    return ""


def _some_term(terms: dict[str, Array], manual: Array, reference: Array) -> str:
    """A term that the residual is a multiple of, whatever else there is."""
    if manual.size < MANY:
        return ""
    table = np.stack(list(terms.values()))
    found = [list(terms)[i] for i in _fitting(table, manual - reference)]
    if not found:
        return ""
    return f"a term proportional to {min(found, key=len)} is missing, or has another factor"


def _exchanges(
    table: Array, manual: Array, reference: Array
) -> Iterator[tuple[tuple[int, int], Array]]:
    """Yield ((wrong term, right term), the rest of the right gradient)."""
    residual = manual - reference
    sizes, along = np.einsum("ij,ij->i", table, table), table @ residual
    for j, right in enumerate(table):
        budget.check()
        with np.errstate(all="ignore"):  # first, roughly: is the difference parallel to it?
            size = sizes + sizes[j] - 2 * (table @ right)
            parallel = (along - along[j]) ** 2 >= _PARALLEL * size * (residual @ residual)
            near = np.flatnonzero(parallel | (size <= _NEAR * (sizes + sizes[j])))
        for i in near[_fitting(table[near] - right, residual)]:
            yield (int(i), j), reference - _weight(table[i] - right, residual) * right


def _fitting(table: Array, target: Array) -> Array:
    """The rows that the target is a multiple of."""
    size = np.einsum("ij,ij->i", table, table)
    with np.errstate(all="ignore"):
        by = (table @ target) / size
        error = np.abs(by[:, np.newaxis] * table - target).max(axis=1, initial=0.0)
    return np.nonzero((size > 0) & (error <= EXACT * np.abs(target).max()))[0]


def _weight(row: Array, target: Array) -> float:
    return float(row @ target / (row @ row))


def _is_one_of(a: Array, table: Array) -> bool:
    return bool(a.any()) and _fitting(table, a).size > 0


def _is_nothing(a: Array, beside: Array) -> bool:
    return bool(np.abs(a).max() <= EXACT * np.abs(beside).max())


def _in_words(wrong: str, right: str) -> str:
    if "Σ" in right and "mean" in wrong:
        return f"averaged: as if {wrong} stood for {right}"
    if "Σ" in right and "Σ" not in wrong:
        return f"a sum is missing: as if {wrong} stood for {right}"
    return f"as if {wrong} stood for {right}"


def _products(e: Evidence) -> Iterator[tuple[str, Array]]:
    """Yield the cotangent times up to three functions of the arrays."""
    dy = [(n, d) for n, d in e.cotangents.items() if stretches(d, e.manual)]
    factors = list(_functions(e))
    most = 3 if len(factors) <= FACTORS else 2
    for (name, d), n in itertools.product(dy, range(most + 1)):
        for some in itertools.combinations_with_replacement(factors, n):
            budget.check()
            with np.errstate(all="ignore"):
                made = reduce(np.multiply, (a for _, a in some), d)
            yield "·".join([*(f for f, _ in some), name]), made


def _functions(e: Evidence) -> Iterator[tuple[str, Array]]:
    given = {n: a for n, a in e.arrays.items() if stretches(a, e.manual)}
    with np.errstate(all="ignore"):
        for name, a in given.items():
            yield name, a
            yield f"(1 − {name})", 1 - a
            yield f"exp {name}", np.exp(a)
            yield f"σ({name})", 1 / (1 + np.exp(-a))
            yield f"(1 − σ({name}))", 1 / (1 + np.exp(a))
            yield f"tanh {name}", np.tanh(a)
            yield f"(1 − tanh² {name})", 1 - np.tanh(a) ** 2
        for (one, a), (other, b) in itertools.permutations(given.items(), 2):
            yield f"({one} / {other})", a / b
        for (one, a), (other, b) in itertools.combinations(given.items(), 2):
            yield f"({one} − {other})", a - b
            yield f"|{one} − {other}|", np.abs(a - b)
            yield f"(1 − ({one} − {other})²)", 1 - (a - b) ** 2
            yield f"(1 − ({other} / {one})²)", 1 - (b / a) ** 2


def _sums(e: Evidence) -> Iterator[tuple[str, Array]]:
    """Yield products of the cotangent, and arrays times a sum or mean of such along an axis."""
    factors = {"": np.ones_like(e.manual)}
    factors |= {n: a for n, a in e.arrays.items() if a.shape == e.manual.shape}
    with np.errstate(all="ignore"):
        if "y" in factors:
            factors["exp y"] = np.exp(factors["y"])
        for axis in range(e.manual.ndim):
            shares = np.exp(e.arrays[e.quantity])
            factors[f"softmax({e.quantity}, {axis})"] = shares / shares.sum(
                axis=axis, keepdims=True
            )
    dy = {n: _fitted(d, e.manual) for n, d in e.cotangents.items()}
    for (name, d), (one, a) in itertools.product(dy.items(), factors.items()):
        if d is None:
            continue
        yield one or "1", a
        for other, b in factors.items():
            yield "·".join(filter(None, (one, other, name))), a * b * d
            inner = "·".join(filter(None, (other, name)))
            for axis in range(e.manual.ndim):
                summed = (b * d).sum(axis=axis, keepdims=True)
                start = f"{one}·" if one else ""
                yield f"{start}Σ({inner}) along axis {axis}", a * summed
                yield f"{start}mean({inner}) along axis {axis}", a * summed / b.shape[axis]


def _fitted(dy: Array, onto: Array) -> Array | None:
    """dy broadcast to that shape, with one more axis if needed."""
    for wide in (dy, *(np.expand_dims(dy, axis) for axis in range(dy.ndim + 1))):
        if stretches(wide, onto):
            return np.broadcast_to(wide, onto.shape)
    return None
