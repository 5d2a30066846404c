"""The noise of the kernel that ran: torch's own error in float32, against itself in float64.

A decomposition that is disturbed need not be what the kernel computes. The kernel's own error sees
inside it: of float32 as it is, of float64 scaled by the ratio of the roundoffs, at points close by
that float32 can represent. It says nothing where the kernel loses half of its digits or more: there
torch is inaccurate, and what is right is looked for elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case, cast, nearby, wide
from gradproof.oracle.layer import Oracle

_NEARBY = 2
"""Points beside the case's own."""
_HALF = 2.0**-12
"""Half of the digits of float32."""
_FINER = 2.0**-29
"""The roundoff of float64 in units of that of float32."""


def kernel_errors(twin: Callable[..., Any], case: Case) -> dict[str, Array]:
    """How far outputs and gradients are off by the kernel's rounding, by name; {} if not known."""
    errors: dict[str, Array] = {}
    single = cast(case, "float32")
    finer = 1.0 if case.dtype == "float32" else _FINER
    for near in (single, *nearby(single, _NEARBY)):
        try:
            rough, fine = _results(twin, near), _results(twin, wide(near))
        except Exception:  # noqa: BLE001  (a twin may be for one dtype only)
            return {}
        for name, exact in fine.items():
            with np.errstate(all="ignore"):
                error = np.abs(rough[name] - exact)
                known = error <= _HALF * np.abs(exact).max(initial=0.0)
            error = np.where(known, error, 0.0) * finer
            errors[name] = np.maximum(errors.get(name, 0.0), error)
    return errors


def _results(twin: Callable[..., Any], case: Case) -> dict[str, Array]:
    made = Oracle.of(twin, case).results(case.dy)
    return {name: a.astype(np.float64) for name, a in made.items()}
