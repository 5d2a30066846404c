"""An optimiser that updates a parameter that has no gradient in a step."""

from __future__ import annotations

import numpy as np

from gradproof.cases.optimizer_case import UpdateCase
from gradproof.diagnosis.evidence import Evidence


def absent_gradient(e: Evidence) -> str:
    """PyTorch leaves such a parameter alone, with its state: nothing else can be right."""
    case = e.case
    assert isinstance(case, UpdateCase)
    owner = case.owner(e.quantity)
    if owner in case.grads:
        return ""
    zeros = {**case.before, f"{owner}.grad": np.zeros_like(case.arrays[owner])}
    made = e.expected(case.optimizer, case.arrays, zeros)
    alike = "; not as if its gradient were 0" if made is not None and e.fits(made) else ""
    return f"{owner} has no gradient in this step and stays as it is, with its state{alike}"
