"""Which entry of dy contributes to which entry of a gradient, and which contributions are lost."""

from __future__ import annotations

import numpy as np

from gradproof import hygiene
from gradproof.cases import received, wide
from gradproof.evidence import Evidence
from gradproof.fill import Array

MOST = 64
"""Entries of dy, each of which takes a backward pass on either side."""


def overwritten(e: Evidence) -> str:
    """Where several contributions meet, some of them are lost, and nothing else is wrong."""
    dy = e.case.dy
    alone = len(dy) == 1 and dy[0] is not None and 1 < dy[0].size <= MOST
    if not alone or e.quantity not in e.case.arrays or hasattr(e.case.layer, "steps"):
        return ""
    manual, reference = _contributions(e)
    if manual.shape != reference.shape:
        return ""
    lost = (manual == 0) & (np.abs(reference) > e.bound)
    kept = (manual != 0) & (reference != 0)
    wrong = np.abs(manual - reference) > 2 * e.bound
    if lost.any() and not (wrong & ~lost).any() and kept.any(axis=0)[lost.any(axis=0)].all():
        return "where several contributions meet, only some of them arrive: = for +="
    return ""


def _contributions(e: Evidence) -> tuple[Array, Array]:
    """The gradient for each entry of dy alone, by hand and by PyTorch, one after the other."""
    case = wide(e.case)
    (dy,) = case.dy
    assert dy is not None
    manual, reference = [], []
    with np.errstate(all="ignore"):
        ran = hygiene.forward(case.layer, received(case))
        for i in range(dy.size):
            one = np.zeros_like(dy)
            one.flat[i] = dy.flat[i]
            manual.append(hygiene.backward(case.layer, ran, (one,))[e.quantity])
            reference.append(e.expected(case.layer, case.arrays, dy=(one,)))
    return np.array(manual), np.array([r for r in reference if r is not None])
