"""Memory that was never filled, as np.empty gives it."""

from __future__ import annotations

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.diagnosis.resample import ran
from gradproof.judge.conduct import STATE, poisoned
from gradproof.judge.verdict import Finding
from gradproof.subject import passes


def unfilled(finding: Finding) -> str:
    """That a gradient which differs from call to call has entries that nothing was written to."""
    if finding.cause not in STATE or type(finding.case) is not Case:
        return ""
    try:
        with_nan, with_zeros = (_gradient(finding, value) for value in (np.nan, 0.0))
    except Exception:  # noqa: BLE001  (a layer may raise anything when it is called again)
        return ""
    count = int((np.isnan(with_nan) & np.isfinite(with_zeros)).sum())
    if not count:
        return ""
    return (
        f"{finding.cause}: memory that is never filled (np.empty?), which may be not a number "
        f"({count} of {with_nan.size} entries)"
    )


def _gradient(finding: Finding, value: float) -> Array:
    """The gradient where fresh memory holds this value."""
    case = finding.layer_case
    with np.errstate(all="ignore"), poisoned(value):
        return passes.backward(case.layer, ran(case), case.dy)[finding.quantity]
