"""Naming the likely cause of a disagreement from what is left between the two sides.

Each rule looks at one class of mistake and returns a few words, or "". The first that fits is the
answer, so the rules that explain every entry come before those that say where the wrong ones lie.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from gradproof import places, terms
from gradproof.contributions import overwritten
from gradproof.cotangents import cotangent
from gradproof.evidence import Evidence, evidence, stretches
from gradproof.factors import factor_between
from gradproof.fill import Array
from gradproof.formula import formula
from gradproof.order import reordered
from gradproof.otherwise import exchanged, otherwise
from gradproof.special import special
from gradproof.subject import Subject
from gradproof.update import update
from gradproof.verdict import Finding


def diagnose(subject: Subject, finding: Finding, siblings: Sequence[Finding]) -> str:
    """The likely cause, in a few words.

    siblings  the findings on the other arrays of the same layer, at the same depth
    """
    if finding.cause or finding.comparison is None:
        return finding.cause
    inner = _state_of(finding, siblings)
    if inner is not None:
        rest = [f for f in (finding, *siblings) if f is not inner]
        key = inner.quantity.partition(".")[2]
        return f"in its state, {key}: {diagnose(subject, inner, rest)}"
    with np.errstate(all="ignore"):  # what is wrong may be infinite, or no number
        clue = evidence(subject, finding, siblings)
        return next(filter(None, (_firm(rule, clue) for rule in RULES)))


def _state_of(finding: Finding, siblings: Sequence[Finding]) -> Finding | None:
    """Of a parameter that an optimiser updates wrongly, an entry of its state that is wrong too."""
    start = f"{finding.quantity}."
    wrong = (f for f in siblings if f.quantity.startswith(start) and f.failed and f.comparison)
    return next(wrong, None) if finding.before else None


def _firm(rule: Rule, clue: Evidence) -> str:
    """What the rule says, if it says the same on other numbers: one alone may fit by chance."""
    said = rule(clue)
    if said and rule in EXACT and any(rule(other) != said for other in clue.others):
        return ""
    return said


def _not_finite(e: Evidence) -> str:
    for what, test in (("not a number", np.isnan), ("infinite", np.isinf)):
        count = int((test(e.manual) & np.isfinite(e.reference)).sum())
        if count:
            return f"{what} where PyTorch has numbers ({count} of {e.manual.size} entries)"
    count = int((np.isfinite(e.manual) & np.isnan(e.reference)).sum())
    return f"a number where PyTorch has none ({count} of {e.manual.size} entries)" if count else ""


def _dead(e: Evidence) -> str:
    """Nothing should get through; what does tells more than that it should not."""
    return "" if e.reference.any() else otherwise(e) or cotangent(e) or places.regions(e)


def _zero(e: Evidence) -> str:
    """One side is zero, wherever they differ."""
    said = _zero_here(e)
    elsewhere = (*e.elsewhere, *e.larger) if said else ()
    return said if all(_zero_here(c) == said or not c.reference.any() for c in elsewhere) else ""


def _zero_here(e: Evidence) -> str:
    if e.over.any() and np.abs(e.manual).max() <= 1e-12 * np.abs(e.reference).max():
        return "all zero: no gradient gets through"
    if not e.reference.any():
        dy = next((n for n, d in e.cotangents.items() if np.array_equal(d, e.manual)), "")
        missing = f": {dy} itself, the factor of the layer's derivative is missing" if dy else ""
        return f"it should be all zero{missing}"
    return ""


def _multiple(e: Evidence) -> str:
    """A constant factor, and what in the case has that value."""
    return _or_exchanged(e, factor_between(e, e.manual, e.reference, e.bound))


def _same_multiple(e: Evidence) -> str:
    """The same constant factor in every case."""
    said = terms.multiple(e)
    where = places.regions(e) if said else ""
    return f"{where}: {said}" if where else _or_exchanged(e, said)


def _or_exchanged(e: Evidence, said: str) -> str:
    other = _other_argument(e) if said == "sign" else ""
    return f"{said}, or {other}" if other else said


def _other_argument(e: Evidence) -> str:
    for name, gradient in e.other_gradients.items():
        if gradient.shape == e.manual.shape and e.fits(gradient):
            return f"the gradient of {name}: swapped arguments"
    return ""


def _wiring(e: Evidence) -> str:
    """In a network, gradients of some uses of a value that do not arrive."""
    uses = e.uses()
    several = {name: at for name, at in uses.items() if len(at) > 1}
    for order, last in (("first", slice(1, None)), ("last", slice(-1))):
        lost = {use for at in several.values() for use in at[last]}
        if lost and e.fits(e.without(lost)):
            which = ", ".join(several)
            return f"a value used twice ({which}) keeps only its {order} use's gradient: = for +="
    for name, at in several.items():
        for kept in at:
            if len(at) > 2 and e.fits(e.without(set(at) - {kept})):
                return (
                    f"of the uses of {name} only the one in step {e.step(kept)} arrives: = for +="
                )
    for name, at in uses.items():
        for use in at:
            if e.fits(e.without({use})):
                return f"the gradient of {name} from step {e.step(use)} does not arrive"
    return ""


def _missing_factor(e: Evidence) -> str:
    for name, dy in e.cotangents.items():
        if dy.shape == e.manual.shape and e.fits(dy):
            return f"{name} itself: the factor of the layer's derivative is missing"
    for name, array in e.arrays.items():
        if array.size > 1 and stretches(array, e.manual) and array.any():
            with np.errstate(all="ignore"):
                if e.fits(e.manual * array, against=e.reference):
                    return f"the factor {name} is missing"
                if e.fits(e.reference * array):
                    return f"one factor {name} too many"
    return ""


def _sums(e: Evidence) -> str:
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


def _missing_term(e: Evidence) -> str:
    """A residual that is constant along an axis, or there proportional to an array of the case."""
    return _along_an_axis(e, {"": np.ones_like(e.manual), **e.arrays})


def _missing_kept(e: Evidence) -> str:
    """The same with what forward keeps, of which backward is made."""
    return _along_an_axis(e, e.saved)


def _missing_on_longer(e: Evidence) -> str:
    """What axes are too short to tell; longer ones have to tell the same, if anything."""
    rules = (_missing_term, _missing_kept, _missing_both)
    said = {next(filter(None, (rule(c) for rule in rules)), "") for c in e.larger} - {""}
    return said.pop() if len(said) == 1 else ""


def _missing_both(e: Evidence) -> str:
    """A constant along an axis, and what is proportional there to an array or what is kept."""
    constant = {*_missing_along(e, np.ones_like(e.manual))}
    for name, pattern in {**e.arrays, **e.saved}.items():
        alone = constant.union(_missing_along(e, pattern))
        for axis in _missing_along(e, pattern, beside_constant=True):
            if axis not in alone:
                both = f"a mean or a sum and a term proportional to {name}"
                return f"{both} along axis {axis} are missing"
    return ""


def _along_an_axis(e: Evidence, patterns: Mapping[str, Array]) -> str:
    for name, pattern in patterns.items():
        for axis in _missing_along(e, pattern):
            what = f"a term proportional to {name}" if name else "a mean or a sum"
            how = "" if name else ": the residual is constant there"
            return f"{what} along axis {axis} is missing{how}"
    return ""


def _missing_along(e: Evidence, pattern: Array, *, beside_constant: bool = False) -> Iterator[int]:
    """Axes along which the residual is the pattern with another weight on each line.

    beside_constant    and a constant with a weight of its own
    """
    residual = e.manual - e.reference
    if pattern.shape != residual.shape or not pattern.any():
        return
    for axis in reversed(range(residual.ndim)):
        lines = residual.size // max(residual.shape[axis], 1)
        weights, spare = (2 * lines, 4) if beside_constant else (lines, 2)
        if residual.size - weights < spare:
            continue  # too few entries for it to be more than chance
        rest, apart = residual, pattern
        with np.errstate(all="ignore"):
            if beside_constant:
                rest, apart = (a - a.mean(axis=axis, keepdims=True) for a in (rest, apart))
            part = np.nan_to_num(residual - (rest - _share(rest, apart, axis)))
        if e.fits(part, against=residual) and (np.abs(part) > e.bound).any():
            yield axis


def _share(of: Array, pattern: Array, axis: int) -> Array:
    """What of an array is proportional to the pattern along an axis."""
    weight = (pattern * pattern).sum(axis=axis, keepdims=True)
    return np.asarray((of * pattern).sum(axis=axis, keepdims=True) / weight * pattern)


def _next_step(e: Evidence) -> str:
    """What an optimiser without a state shows only in its next step."""
    if e.later is None or any(not n.endswith(".grad") for n in e.finding.before):
        return ""
    rules = (otherwise, update, terms.factor, terms.term)
    return next(filter(None, (rule(e.later) for rule in rules)), "")


def _small(e: Evidence) -> str:
    """Nearly right everywhere that it is wrong."""
    with np.errstate(all="ignore"):
        relative = (e.error / np.abs(e.reference))[e.over]
    greatest = float(relative.max(initial=0.0))
    if not greatest < 1e-3:
        return ""
    return f"off by {greatest:.1g} of the value: eps in another place, or precision lost"


def _unknown(e: Evidence) -> str:
    m, r = e.manual.ravel(), e.reference.ravel()
    with np.errstate(all="ignore"):
        m, r = m / np.abs(m).max(), r / np.abs(r).max()
        cosine = float(m @ r / np.sqrt((m @ m) * (r @ r)))
    return "not recognised" + (f" (cosine {cosine:.3g})" if m.size > 1 else "")


Rule: TypeAlias = Callable[[Evidence], str]

EXACT: tuple[Rule, ...] = (
    _multiple,
    reordered,
    _other_argument,
    _missing_factor,
    _missing_term,
    _missing_kept,
)
"""They explain every entry, and so have to do it again."""

RULES: tuple[Rule, ...] = (
    _not_finite,
    _wiring,
    special,
    exchanged,
    _dead,
    _zero,
    _same_multiple,
    _multiple,
    reordered,
    _other_argument,
    otherwise,
    _sums,
    cotangent,
    places.values,
    places.regions,
    update,
    _missing_factor,
    places.explained,
    terms.factor,
    terms.term,
    _missing_term,
    formula,
    _missing_kept,
    _missing_on_longer,
    _next_step,
    _zero_here,
    _small,
    places.repeated,
    overwritten,
    places.indices,
    _unknown,
)
