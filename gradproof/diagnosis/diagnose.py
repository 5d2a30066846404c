"""Naming the likely cause of a disagreement from what is left between the two sides.

Each rule looks at one class of mistake and returns a few words, or "". The first that fits is the
answer, so the rules that explain every entry come before those that say where the wrong ones lie.
A layer, a network and an optimiser's step have a list of rules each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from gradproof.cases.case import NetworkCase
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.diagnosis.evidence import Evidence, evidence
from gradproof.diagnosis.rules import missing_term, where_wrong, whole_array
from gradproof.diagnosis.rules.axis_sums import summed_otherwise
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

Rule: TypeAlias = Callable[[Evidence], str]

LAYER: tuple[Rule, ...] = (
    whole_array.not_finite,
    special,
    exchanged,
    whole_array.dead,
    whole_array.zero,
    whole_array.same_multiple,
    whole_array.multiple,
    reordered,
    whole_array.other_argument,
    otherwise,
    summed_otherwise,
    cotangent,
    where_wrong.values,
    where_wrong.regions,
    missing_factor,
    where_wrong.explained,
    missing_term.factor,
    missing_term.term,
    missing_array,
    formula,
    missing_saved,
    missing_on_longer_axes,
    whole_array.zero_here,
    whole_array.nearly_right,
    where_wrong.repeated,
    overwritten,
    where_wrong.indices,
    whole_array.unknown,
)
NETWORK: tuple[Rule, ...] = (
    whole_array.not_finite,
    lost_uses,
    whole_array.zero,
    whole_array.same_multiple,
    whole_array.multiple,
    reordered,
    whole_array.other_argument,
    summed_otherwise,
    where_wrong.values,
    missing_factor,
    where_wrong.explained,
    missing_term.factor,
    missing_term.term,
    missing_array,
    whole_array.zero_here,
    whole_array.nearly_right,
    where_wrong.repeated,
    where_wrong.indices,
    whole_array.unknown,
)
UPDATE: tuple[Rule, ...] = (
    whole_array.not_finite,
    exchanged,
    whole_array.dead,
    whole_array.zero,
    whole_array.same_multiple,
    whole_array.multiple,
    reordered,
    whole_array.other_argument,
    otherwise,
    where_wrong.values,
    update,
    missing_factor,
    where_wrong.explained,
    missing_term.factor,
    missing_term.term,
    missing_array,
    whole_array.next_step,
    whole_array.zero_here,
    whole_array.nearly_right,
    where_wrong.indices,
    whole_array.unknown,
)
EXACT: tuple[Rule, ...] = (
    whole_array.multiple,
    reordered,
    whole_array.other_argument,
    missing_factor,
    missing_array,
    missing_saved,
)
"""They explain every entry, and so have to do it again on fresh inputs."""


def diagnose(subject: Subject, finding: Finding, siblings: Sequence[Finding]) -> str:
    """The likely cause, in a few words.

    siblings  the findings on the other arrays of the same layer, at the same depth
    """
    if finding.cause or finding.comparison is None:
        return finding.cause
    inner = _state_of(finding, siblings)
    if inner is not None:
        rest = [f for f in (finding, *siblings) if f is not inner]
        key = inner.quantity.rpartition(".")[2]
        return f"in its state, {key}: {diagnose(subject, inner, rest)}"
    with np.errstate(all="ignore"):  # what is wrong may be infinite, or no number
        clue = evidence(subject, finding, siblings)
        return next(filter(None, (_firm(rule, clue) for rule in rules_for(clue))))


def rules_for(clue: Evidence) -> tuple[Rule, ...]:
    """The rules for what is judged."""
    if isinstance(clue.case, UpdateCase):
        return UPDATE
    return NETWORK if isinstance(clue.case, NetworkCase) else LAYER


def _state_of(finding: Finding, siblings: Sequence[Finding]) -> Finding | None:
    """Of a parameter that an optimiser updates wrongly, an entry of its state that is wrong too."""
    start = f"{finding.quantity}."
    wrong = (f for f in siblings if f.quantity.startswith(start) and f.failed and f.comparison)
    return next(wrong, None) if isinstance(finding.case, UpdateCase) else None


def _firm(rule: Rule, clue: Evidence) -> str:
    """What the rule says, if it says the same on other numbers: one alone may fit by chance."""
    said = rule(clue)
    if said and rule in EXACT and any(rule(other) != said for other in clue.others):
        return ""
    return said
