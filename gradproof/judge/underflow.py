"""Numbers too small for their dtype: manual may lose digits on its way where torch does not."""

from __future__ import annotations

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, cast, received, received_dy
from gradproof.judge.verdict import Finding, disagreements
from gradproof.subject import passes
from gradproof.subject.passes import Misconduct

_WIDER = {"float32": "float64", "float64": "longdouble"}
"""A dtype in which nothing of it underflows; where a long double is a double, it still does."""


def underflows(case: Case, found: list[Finding]) -> None:
    """Make a disagreement vacuous where manual underflows, and is right in a wider dtype."""
    wrong = disagreements(found)
    if not wrong or not _underflows(case):
        return
    with np.errstate(all="ignore"):
        wider = _results(cast(case, _WIDER[case.dtype]))
    for f, c in wrong:
        right = wider.get(f.quantity)
        if right is None or right.shape != c.manual.shape:
            continue
        with np.errstate(all="ignore"):
            if (np.abs(right - c.reference) <= c.bound)[c.error > c.bound].all():
                f.verdict, f.cause = "vacuous", "it underflows"


def _underflows(case: Case) -> bool:
    """Whether a number is lost in manual's own run."""
    met: list[str] = []
    with np.errstate(all="ignore", under="call", call=lambda *what: met.append(what[0])):
        _results(case)
    return bool(met)


def _results(case: Case) -> dict[str, Array]:
    """Manual's outputs and gradients; {} where it does not take the dtype."""
    try:
        ran = passes.forward(case.layer, received(case))
        return numbered("y", ran.outputs) | passes.backward(case.layer, ran, received_dy(case))
    except Misconduct:
        return {}
