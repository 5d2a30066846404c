"""Naming the likely cause of a disagreement from the residual between the two sides.

Each rule looks for one class of mistake and returns a few words, or "". The first rule that fits
gives the answer, so rules that explain every entry come before rules that say where it is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from gradproof.cases.case import Case, NetworkCase
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.diagnosis import budget
from gradproof.diagnosis.evidence import Evidence, evidence
from gradproof.diagnosis.more_roundings import in_float32, too_many
from gradproof.diagnosis.rules import missing_term, where_wrong, whole_array
from gradproof.diagnosis.rules.absent_cotangent import absent_cotangent
from gradproof.diagnosis.rules.absent_gradient import absent_gradient
from gradproof.diagnosis.rules.axis_sums import spread_otherwise, summed_otherwise
from gradproof.diagnosis.rules.constant_offset import constant_offset
from gradproof.diagnosis.rules.exchanged_share import exchanged_share
from gradproof.diagnosis.rules.formula import formula
from gradproof.diagnosis.rules.means import means
from gradproof.diagnosis.rules.missing_along_axis import (
    missing_array,
    missing_on_longer_axes,
    missing_saved,
)
from gradproof.diagnosis.rules.missing_term import missing_factor
from gradproof.diagnosis.rules.network_wiring import lost_uses
from gradproof.diagnosis.rules.optimizer_update import update
from gradproof.diagnosis.rules.other_cotangent import cotangent
from gradproof.diagnosis.rules.other_options import exchanged, otherwise, parts
from gradproof.diagnosis.rules.overwritten import overwritten
from gradproof.diagnosis.rules.reordered import reordered
from gradproof.diagnosis.rules.special_points import special
from gradproof.diagnosis.rules.unfilled import unfilled
from gradproof.diagnosis.rules.variance import variance
from gradproof.judge.verdict import Finding
from gradproof.oracle.tensors import fewer_samples
from gradproof.subject.low_precision import LOW
from gradproof.subject.subject import Subject

Rule: TypeAlias = Callable[[Evidence], str]
ALL = (Case, NetworkCase, UpdateCase)
LAYER, NETWORK, UPDATE = ((sort,) for sort in ALL)

RULES: dict[Rule, tuple[type, ...]] = {
    absent_cotangent: LAYER,
    absent_gradient: UPDATE,
    whole_array.not_finite: ALL,
    lost_uses: NETWORK,
    special: LAYER,
    exchanged: LAYER + UPDATE,
    whole_array.other_output: LAYER,
    whole_array.dead: LAYER + UPDATE,
    whole_array.zero: ALL,
    variance: LAYER,
    exchanged_share: LAYER,
    whole_array.same_multiple: ALL,
    whole_array.multiple: ALL,
    spread_otherwise: LAYER,
    reordered: ALL,
    whole_array.other_argument: ALL,
    otherwise: LAYER + UPDATE,
    where_wrong.repeated: LAYER + NETWORK,
    summed_otherwise: LAYER + NETWORK,
    cotangent: LAYER,
    constant_offset: LAYER,
    where_wrong.values: ALL,
    where_wrong.regions: LAYER,
    update: UPDATE,
    missing_factor: ALL,
    where_wrong.explained: ALL,
    missing_term.factor: ALL,
    missing_term.term: ALL,
    whole_array.added_gradient: LAYER,
    whole_array.nearly_right: ALL,
    means: LAYER,
    missing_array: ALL,
    formula: LAYER,
    missing_saved: LAYER,
    missing_on_longer_axes: LAYER,
    whole_array.next_step: UPDATE,
    whole_array.on_longer_axes: LAYER,
    whole_array.zero_here: ALL,
    overwritten: LAYER,
    parts: LAYER,
    where_wrong.indices: ALL,
    whole_array.unknown: ALL,
}
"""Every rule, in the order in which they are asked, and the cases that it is for."""
EXACT: tuple[Rule, ...] = (
    whole_array.multiple,
    reordered,
    whole_array.other_argument,
    whole_array.other_output,
    whole_array.added_gradient,
    spread_otherwise,
    missing_factor,
    missing_array,
    missing_saved,
)
"""Rules that explain every entry; they have to do so on fresh inputs too."""


def diagnose(
    subject: Subject, finding: Finding, siblings: Sequence[Finding], seconds: float = math.inf
) -> str:
    """The likely cause, in a few words.

    siblings  the findings on the other arrays of the same layer, at the same depth
    seconds   how long to look for it
    """
    try:
        with budget.limited(seconds), fewer_samples():
            return _cause(subject, finding, siblings)
    except budget.TimeIsUp:
        return f"not found within {seconds:g} s"


def _cause(subject: Subject, finding: Finding, siblings: Sequence[Finding]) -> str:
    if finding.cause or finding.comparison is None:
        return unfilled(finding) or finding.cause
    if finding.case.precision in LOW:
        precise, others = in_float32(subject, finding)
        said = too_many(finding, precise)
        if said or precise is None:
            return said or "not looked for: it cannot compute in float32"
        return _cause(subject, precise, others)
    inner = _state_of(finding, siblings)
    if inner is not None:
        rest = [f for f in (finding, *siblings) if f is not inner]
        key = inner.quantity.rpartition(".")[2]
        return f"in its state, {key}: {_cause(subject, inner, rest)}"
    with np.errstate(all="ignore"):  # a wrong gradient may be infinite or NaN
        clue = evidence(subject, finding, siblings)
        rules = (rule for rule, sorts in RULES.items() if type(finding.case) in sorts)
        return next(filter(None, (_firm(rule, clue) for rule in rules)))


def _state_of(finding: Finding, siblings: Sequence[Finding]) -> Finding | None:
    """An entry of an optimiser's state that is wrong like the parameter it belongs to."""
    start = f"{finding.quantity}."
    wrong = (f for f in siblings if f.quantity.startswith(start) and f.failed and f.comparison)
    return next(wrong, None) if isinstance(finding.case, UpdateCase) else None


def _firm(rule: Rule, clue: Evidence) -> str:
    """What the rule says, if it says the same on fresh inputs: one case may fit by chance."""
    budget.check()
    try:
        with budget.most_of_it():
            said = rule(clue)
            if said and rule in EXACT and any(rule(other) != said for other in clue.others):
                return ""
            return said
    except budget.TimeIsUp:
        budget.check()  # for all rules?
        return ""
