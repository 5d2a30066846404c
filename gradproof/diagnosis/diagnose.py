"""Naming the likely cause of a disagreement from the residual between the two sides.

Each rule looks for one class of mistake and returns a few words, or "". The first rule that fits
gives the answer, so rules that explain every entry come before rules that say where it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from gradproof.diagnosis.evidence import Evidence, evidence
from gradproof.diagnosis.rules import missing_term, where_wrong
from gradproof.diagnosis.rules.axis_sums import summed_otherwise
from gradproof.diagnosis.rules.constant_factor import factor_between
from gradproof.diagnosis.rules.formula import formula
from gradproof.diagnosis.rules.missing_along_axis import (
    missing_array,
    missing_on_longer_axes,
    missing_saved,
)
from gradproof.diagnosis.rules.missing_term import missing_factor
from gradproof.diagnosis.rules.network_wiring import lost_uses
from gradproof.diagnosis.rules.optimizer_update import update
from gradproof.diagnosis.rules.other_cotangent import cotangent
from gradproof.diagnosis.rules.other_options import exchanged, otherwise
from gradproof.diagnosis.rules.overwritten import overwritten
from gradproof.diagnosis.rules.reordered import reordered
from gradproof.diagnosis.rules.special_points import special
from gradproof.judge.verdict import Finding
from gradproof.subject.subject import Subject


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
    with np.errstate(all="ignore"):  # a wrong gradient may be infinite or NaN
        clue = evidence(subject, finding, siblings)
        return next(filter(None, (_firm(rule, clue) for rule in RULES)))


def _state_of(finding: Finding, siblings: Sequence[Finding]) -> Finding | None:
    """An entry of an optimiser's state that is wrong like the parameter it belongs to."""
    start = f"{finding.quantity}."
    wrong = (f for f in siblings if f.quantity.startswith(start) and f.failed and f.comparison)
    return next(wrong, None) if finding.before else None


def _firm(rule: Rule, clue: Evidence) -> str:
    """What the rule says, if it says the same on fresh inputs: one case may fit by chance."""
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
    """The right gradient is zero: explain what the wrong one holds instead."""
    return "" if e.reference.any() else otherwise(e) or cotangent(e) or where_wrong.regions(e)


def _zero(e: Evidence) -> str:
    """One side is zero wherever the two differ."""
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
    """A constant factor, and which option or length has its value."""
    return _or_exchanged(e, factor_between(e, e.manual, e.reference, e.bound))


def _same_multiple(e: Evidence) -> str:
    """The same constant factor in every case."""
    said = missing_term.multiple(e)
    where = where_wrong.regions(e) if said else ""
    return f"{where}: {said}" if where else _or_exchanged(e, said)


def _or_exchanged(e: Evidence, said: str) -> str:
    other = _other_argument(e) if said == "sign" else ""
    return f"{said}, or {other}" if other else said


def _other_argument(e: Evidence) -> str:
    for name, gradient in e.other_gradients.items():
        if gradient.shape == e.manual.shape and e.fits(gradient):
            return f"the gradient of {name}: swapped arguments"
    return ""


def _next_step(e: Evidence) -> str:
    """A mistake that an optimiser without state shows only in its next step."""
    if e.later is None or any(not n.endswith(".grad") for n in e.finding.before):
        return ""
    rules = (otherwise, update, missing_term.factor, missing_term.term)
    return next(filter(None, (rule(e.later) for rule in rules)), "")


def _small(e: Evidence) -> str:
    """Every wrong entry is nearly right."""
    with np.errstate(all="ignore"):
        relative = (e.error / np.abs(e.reference))[e.over]
    greatest = float(relative.max(initial=0.0))
    if not greatest < 1e-3:
        return ""
    return f"off by {greatest:.1g} of the value: eps at the wrong place, or precision lost"


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
    missing_factor,
    missing_array,
    missing_saved,
)
"""Rules that explain every entry; they have to do so on fresh inputs too."""
RULES: tuple[Rule, ...] = (
    _not_finite,
    lost_uses,
    special,
    exchanged,
    _dead,
    _zero,
    _same_multiple,
    _multiple,
    reordered,
    _other_argument,
    otherwise,
    summed_otherwise,
    cotangent,
    where_wrong.values,
    where_wrong.regions,
    update,
    missing_factor,
    where_wrong.explained,
    missing_term.factor,
    missing_term.term,
    missing_array,
    formula,
    missing_saved,
    missing_on_longer_axes,
    _next_step,
    _zero_here,
    _small,
    where_wrong.repeated,
    overwritten,
    where_wrong.indices,
    _unknown,
)
