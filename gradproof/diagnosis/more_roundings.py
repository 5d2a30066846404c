"""The cause of a disagreement in low precision: a wrong formula, or too many roundings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradproof.judge.clock import Clock
from gradproof.judge.layer import judge_layer
from gradproof.judge.verdict import Finding
from gradproof.subject.low_precision import lowered, rounds_to
from gradproof.subject.subject import Subject

_FEW = 64
"""Off by at most so many times the distance to the next number, it is probably rounding."""


def in_float32(subject: Subject, finding: Finding) -> tuple[Finding | None, list[Finding]]:
    """The same array judged in float32, and the others; None where manual cannot compute in it."""
    try:
        found = judge_layer(
            subject, replace(finding.layer_case, low=""), Clock(), final=False
        ).findings
    except Exception:  # noqa: BLE001  (a kernel may raise anything on what it does not take)
        return None, []
    same = [f for f in found if f.quantity == finding.quantity and f.comparison is not None]
    return next(iter(same), None), [f for f in found if f not in same]


def too_many(finding: Finding, precise: Finding | None) -> str:
    """That manual rounds too often, and by how much it is off; "" if something else is wrong.

    precise    the same array in float32
    """
    low = finding.layer_case.low
    if finding.comparison is None or (precise is not None and precise.failed):
        return ""
    off = _in_steps(finding, low)
    if precise is None and off > _FEW:
        return ""
    right = "right in float32, " if precise is not None else ""
    return (
        f"{right}rounded to {low} more than once: a saved value, an intermediate, an "
        f"accumulator? ({off:.2g} times the gap between numbers)"
    )


def _in_steps(finding: Finding, low: str) -> float:
    """How far manual is off at most, in distances to the next number."""
    c = finding.comparison
    assert c is not None
    with np.errstate(all="ignore"):
        least, greatest = rounds_to(lowered(c.reference, low))
        off = np.abs(c.returned - c.reference) / (greatest - least)
    return float(np.nan_to_num(off, nan=np.inf)[c.error > c.bound].max(initial=0.0))
