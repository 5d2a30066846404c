"""Contributions to one entry of a gradient that overwrite each other: = for +=."""

from __future__ import annotations

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import wide
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import ran
from gradproof.oracle.layer import Oracle
from gradproof.subject import passes

MOST = 64
"""The most entries of dy: each takes a backward pass on either side."""


def overwritten(e: Evidence) -> str:
    """Where entries of dy contribute to one entry, some are lost; nothing else is wrong."""
    dy = e.case.dy
    alone = len(dy) == 1 and dy[0] is not None and 1 < dy[0].size <= MOST
    if not alone or not e.is_gradient:
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
    """The gradient for each entry of dy alone, stacked: by hand, and by PyTorch."""
    case = wide(e.layer_case)
    (dy,) = case.dy
    assert dy is not None
    oracle, kept = Oracle.of(e.subject.twin, case), ran(case)
    manual, reference = [], []
    for i in range(dy.size):
        one = np.zeros_like(dy)
        one.flat[i] = dy.flat[i]
        with np.errstate(all="ignore"):
            manual.append(passes.backward(case.layer, kept, (one,))[e.quantity])
        g = oracle.pull((one,))[e.quantity]
        reference.append(np.zeros(e.reference.shape) if g is None else g)
    return np.array(manual), np.array(reference)
