"""Numbers too small for their dtype: manual may lose digits on its way where torch does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, received, received_dy
from gradproof.judge.verdict import Finding
from gradproof.subject import passes
from gradproof.subject.passes import Misconduct

_WIDER = {"float32": np.float64, "float64": np.longdouble}
"""A dtype in which nothing of it underflows; where a long double is a double, it still does."""


def underflows(case: Case, found: list[Finding]) -> None:
    """Make a disagreement vacuous where manual underflows, and is right in a wider dtype."""
    wrong = [f for f in found if f.verdict == "disagree" and f.comparison is not None]
    if not wrong or not _underflows(case):
        return
    wider = _results(case, _WIDER[case.dtype])
    for f in wrong:
        c, right = f.comparison, wider.get(f.quantity)
        if c is None or right is None or right.shape != c.manual.shape:
            continue
        with np.errstate(all="ignore"):
            if (np.abs(right - c.reference) <= c.bound)[c.error > c.bound].all():
                f.verdict, f.cause = "vacuous", "it underflows"


def _underflows(case: Case) -> bool:
    """Whether a number is lost in manual's own run."""
    met: list[str] = []
    with np.errstate(all="ignore", under="call", call=lambda *what: met.append(what[0])):
        _run(case.layer, received(case), received_dy(case))
    return bool(met)


def _results(case: Case, dtype: Any) -> dict[str, Array]:
    """Manual's outputs and gradients in another dtype."""
    arrays, dy = ([_in(a, dtype) for a in given] for given in (case.arrays.values(), case.dy))
    with np.errstate(all="ignore"):
        return _run(case.layer, arrays, dy)


def _in(a: Array | None, dtype: Any) -> Array | None:
    return a if a is None or a.dtype.kind != "f" else a.astype(dtype)


def _run(layer: Any, arrays: list[Array | None], dy: Any) -> dict[str, Array]:
    try:
        ran = passes.forward(layer, arrays)
        return numbered("y", ran.outputs) | passes.backward(layer, ran, tuple(dy))
    except Misconduct:  # it takes no other dtype
        return {}
