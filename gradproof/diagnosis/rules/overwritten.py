"""Contributions to one entry of a gradient that overwrite each other: = for +=."""

from __future__ import annotations

from functools import partial

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import smooth_names, wide
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
    """The gradient for each entry of dy alone, stacked: by hand, and by PyTorch."""
    case = wide(e.case)
    (dy,) = case.dy
    assert dy is not None
    oracle = Oracle(partial(e.subject.twin, case.layer), list(case.arrays.values()), case.smooth)
    place, kept = smooth_names(case).index(e.quantity), ran(case)
    manual, reference = [], []
    for i in range(dy.size):
        one = np.zeros_like(dy)
        one.flat[i] = dy.flat[i]
        with np.errstate(all="ignore"):
            manual.append(passes.backward(case.layer, kept, (one,))[e.quantity])
        oracle.set_dy((one,))
        g = oracle.gradients()[place]
        reference.append(np.zeros(e.reference.shape) if g is None else g)
    return np.array(manual), np.array(reference)
