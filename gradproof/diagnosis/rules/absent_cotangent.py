"""A function that is wrong only where an output is not used, so that its cotangent is absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradproof.arrays import numbered
from gradproof.cases.case import Case
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import ran
from gradproof.judge.clock import Clock
from gradproof.judge.layer import judge_layer
from gradproof.subject.layer import differentiable, takes_absent
from gradproof.subject.passes import Misconduct


def absent_outputs(case: Case) -> list[str]:
    """The outputs that the loss of a case does not use, though they may have a cotangent."""
    if not takes_absent(case.layer):
        return []
    try:
        made = ran(case).outputs
    except Misconduct:
        return []
    able = differentiable(case.layer, len(made))
    named = zip(numbered("y", made).items(), case.dy, able, strict=False)
    return [name for (name, y), d, a in named if d is None and a and y.dtype.kind not in "iub"]


def absent_cotangent(e: Evidence) -> str:
    """Right as soon as the absent cotangents are zeros."""
    case = e.layer_case
    absent = absent_outputs(case)
    if not absent:
        return ""
    made = numbered("y", ran(case).outputs)
    zeros = {name: np.zeros_like(made[name], dtype=case.dtype) for name in absent}
    dy = tuple(zeros.get(name, d) for name, d in zip(made, case.dy, strict=True))
    found = judge_layer(e.subject, replace(case, dy=dy), Clock(), final=False).findings
    if any(f.failed for f in found if f.quantity == e.quantity or f.comparison is None):
        return ""
    return (
        f"only where the cotangent of {' and '.join(absent)} is absent (None); with zeros in its "
        "place it is right"
    )
