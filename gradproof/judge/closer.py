"""What differs is looked at again: it need not be manual's fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradproof.cases.case import Case
from gradproof.judge.conventions import conventions
from gradproof.judge.overflow import overflows
from gradproof.judge.truth import truth_decides
from gradproof.judge.underflow import underflows
from gradproof.judge.verdict import Finding


def look_closer(twin: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Change the verdicts on a layer's disagreements that something else explains.

    What costs least comes first; kinks come last, since a function without rounding has the same.
    """
    overflows(twin, case, found)
    truth_decides(twin, case, found)
    overflows(twin, case, found)  # of the entries that are left
    underflows(case, found)
    conventions(twin, case, found)
