"""An output that is off by the same number wherever it is wrong."""

from __future__ import annotations

import numpy as np

from gradproof.diagnosis.evidence import Evidence, joined
from gradproof.diagnosis.resample import elsewhere, spread

FEW = 4
"""The fewest wrong entries in all cases together."""
_EXACT = 1e-9


def constant_offset(e: Evidence) -> str:
    """The same number added to every wrong entry, in all cases."""
    if e.is_gradient or not e.is_layer:
        return ""
    cases = (*e.exact, *e.judge_again(elsewhere), *e.judge_again(spread))
    manual, reference, bound, over = (
        joined(cases, side) for side in ("manual", "reference", "bound", "over")
    )
    off, noise = (manual - reference)[over], bound[over]
    if off.size < FEW or len({c.reference.tobytes() for c in cases}) < FEW:
        return ""
    number = float(np.median(off))
    if not (np.abs(off - number) <= 2 * noise + _EXACT * abs(number)).all():
        return ""
    return f"off by a constant, {number:.4g}, wherever it is wrong"
