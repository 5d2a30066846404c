"""Two sides that agree may share a mistake: witnesses are asked about some gradients all the same.

They are asked in every case whose reference has a backward pass of somebody's own, and in a share
of the others: the reference may be patched in a way that nobody sees.
"""

from __future__ import annotations

import numpy as np

from gradproof.judge.verdict import Finding, Judgement, Votes
from gradproof.oracle.layer import Oracle
from gradproof.witnesses.complex_step import complex_step
from gradproof.witnesses.finite_differences import differences

SHARE = 16
"""One case of so many is put to the witnesses."""
_CLEARLY = 2.0**-8
"""How far a gradient has to be from what witnesses say, as a share of it."""


def second_opinion(judgement: Judgement, oracle: Oracle) -> None:
    """Make a gradient a disagreement that both sides share, but no witness."""
    case = judgement.case
    if judgement.flagged or case.dtype != "float64":
        return
    own = oracle.own_backward()
    if not own and case.seed % SHARE:
        return
    for finding in judgement.findings:
        if finding.verdict != "agree" or finding.is_output or finding.choice:
            continue
        if finding.quantity not in getattr(case.target, "by_design", {}):
            _ask(finding, own)


def _ask(finding: Finding, own: str) -> None:
    """Ask about the largest entry. One witness alone might be wrong: forward is manual's.

    own    the name of a backward pass in the reference that is not PyTorch's; "" if there is none
    """
    c, case = finding.comparison, finding.layer_case
    if c is None or not c.manual.size:
        return
    at = np.unravel_index(int(np.abs(c.manual).argmax()), c.manual.shape)
    index = tuple(int(i) for i in at)
    estimate = differences(case, finding.quantity, index)
    value = float(c.manual[index])
    if estimate is None or not _apart(value, *estimate):
        return
    step = complex_step(case, finding.quantity, index)
    if step is not None and not _apart(value, step, 0.0):
        return
    witness, right = ("differences", estimate[0]) if step is None else ("complex step", step)
    finding.verdict = "disagree"
    finding.cause = (
        f"the reference has a backward pass of its own, {own}, with the same mistake"
        if own
        else "the same mistake on both sides; is a function of PyTorch replaced?"
    )
    said = f"manual = autograd ≠ {witness} {right:.6g}"
    finding.votes = Votes(index, said, "both backward passes are wrong")


def _apart(value: float, right: float, error: float) -> bool:
    return abs(value - right) > _CLEARLY * max(abs(value), abs(right)) + 16 * error
