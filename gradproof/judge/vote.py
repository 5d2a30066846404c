"""The vote on a disagreement: who agrees with whom, and whose fault it is.

The hand-written gradient and autograd disagree; independent witnesses say which is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradproof.cases.case import Case, NetworkCase, wide
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.judge.clock import Clock
from gradproof.judge.layer import judge_layer
from gradproof.judge.network import judge_network
from gradproof.judge.verdict import Finding, Votes
from gradproof.rounding.bound import BLIND
from gradproof.subject.subject import Subject
from gradproof.witnesses.complex_step import complex_step
from gradproof.witnesses.enclosure import enclose
from gradproof.witnesses.enclosure.differentiate import Unsupported
from gradproof.witnesses.enclosure.enclose import Enclosure
from gradproof.witnesses.finite_differences import differences

_ENTRIES = 6
"""The most wrong entries that the witnesses are asked about, as long as they abstain."""
_ROUGHLY = 2.0**-6
"""How far a difference quotient may be from a derivative, as a share of it."""
_FORWARD = "your forward is not torch's function"
_PROBABLY = "probably your backward pass (no independent check applies)"
_CLOSE = "undecided: one of the two loses digits, too few for a witness to see"
_ROUNDS_MORE = "more than the reference's own rounding explains"
_BY_DESIGN = ", or its rule is no derivative by design (then name it in `by_design`)"


@dataclass(frozen=True)
class _Opinion:
    """The interval in which a witness sees the derivative; at a kink, the one-sided ones."""

    witness: str
    low: float
    high: float
    kink: bool = False

    def off(self, value: float) -> float:
        """How far a value lies outside the interval."""
        return max(self.low - value, value - self.high, 0.0) if math.isfinite(value) else math.inf

    def sides_with(self, value: float, other: float, bound: float) -> bool:
        """Whether a value is right within the bound, and nearer than the other.

        In a layer that rounds a lot even in float64, a sixteenth of the gap is enough.
        """
        distance, gap = self.off(value), self.off(other)
        return distance < gap and (distance <= bound or distance <= gap / 16)


def votes(subject: Subject, finding: Finding) -> Votes:
    """Ask manual, autograd and the witnesses about an entry that disagrees."""
    worst, c = finding.figures.worst_index, finding.comparison
    if finding.votes is not None:
        return finding.votes
    if c is None:
        return Votes(worst, "", "the layer breaks its contract")
    if finding.choice:
        text = "manual ≠ autograd, both one-sided derivatives"
        return Votes(worst, text, "kink: another choice than PyTorch's")
    if isinstance(finding.case, UpdateCase):
        return Votes(worst, "manual ≠ torch.optim", "the update is wrong")
    if finding.layer_case.is_low:
        return Votes(worst, "manual ≠ the reference in float64", _ROUNDS_MORE)
    if finding.is_output:
        return Votes(worst, "manual ≠ torch", _FORWARD)
    same = _forward_agrees(subject, finding.layer_case)
    index, opinions = _opinions(finding)
    m, r, bound = (float(a[index]) for a in (c.manual, c.reference, c.bound))
    if not opinions and same is not False and _too_close(finding, index):
        return Votes(index, "manual ≠ autograd, both within finite differences", _CLOSE)
    if not opinions:
        verdict = _FORWARD if same is False else _PROBABLY
        return Votes(index, "manual ≠ autograd, no witness", verdict)
    if opinions[-1].kink:
        return Votes(index, *_at_a_kink(finding, opinions[-1], m, r, bound))
    return Votes(index, *_two_against_one(finding, opinions, m, r, bound, same))


def _two_against_one(
    finding: Finding, opinions: list[_Opinion], m: float, r: float, bound: float, same: bool | None
) -> tuple[str, str]:
    """The agreement and the verdict; the last opinion decides.

    same    from `_forward_agrees`: only if the forward is torch's can torch be called wrong
    """
    with_autograd = [o.witness for o in opinions if o.sides_with(r, m, bound)]
    with_manual = [o.witness for o in opinions if o.sides_with(m, r, bound)]
    alone = [o for o in opinions if o.witness not in (*with_autograd, *with_manual)]
    groups = [["manual", *with_manual], ["autograd", *with_autograd]]
    decider = opinions[-1]
    if decider.witness in with_autograd:
        groups.reverse()
        verdict = _wrong_backward(finding) + (f", and {_FORWARD}" if same is False else "")
    elif same is False:
        verdict = _FORWARD
    elif same and decider.witness in with_manual:
        far = decider.off(r) > _ROUGHLY * abs(decider.low)
        design = getattr(finding.case.target, "by_design", {}).get(finding.quantity)
        verdict = "PyTorch is wrong here" + (_BY_DESIGN if far else "")
        if design:
            verdict = f"{_wrong_backward(finding)}: by design, {design}"
    else:
        verdict = "undecided"
    said = " ≠ ".join(" = ".join(group) for group in groups)
    if alone:
        names = " = ".join(o.witness for o in alone)
        said += f" ≠ {names} {(alone[-1].low + alone[-1].high) / 2}"
    return said, verdict


def _at_a_kink(
    finding: Finding, opinion: _Opinion, m: float, r: float, bound: float
) -> tuple[str, str]:
    manual, autograd = (opinion.off(value) <= bound for value in (m, r))
    if autograd and not manual:
        return "kink: autograd is a one-sided derivative, manual is not", _wrong_backward(finding)
    if manual and not autograd:
        text = "kink: manual is a one-sided derivative, autograd is not"
    else:
        text = f"manual ≠ autograd, {'both' if manual else 'neither'} one-sided derivatives"
    return text, "kink: another choice than PyTorch's"


def _opinions(finding: Finding) -> tuple[tuple[int, ...], list[_Opinion]]:
    """What witnesses say of the worst entry that one speaks on; the one that decides comes last.

    An entry without a kink is preferred. Finite differences are asked where nobody else speaks.
    """
    proved = _enclosure(finding.layer_case)
    kinks = []
    for index in _worst(finding):
        found = list(_spoken(finding, proved, index))
        if found and not found[-1].kink:
            return index, found
        kinks += [(index, found)] if found else []
    if kinks:
        return kinks[0]
    index = finding.figures.worst_index
    return index, list(_estimated(finding, index))


def _spoken(
    finding: Finding, proved: Enclosure | None, index: tuple[int, ...]
) -> Iterator[_Opinion]:
    step = complex_step(finding.layer_case, finding.quantity, index)
    if step is not None:
        yield _Opinion("complex step", step, step)
    if proved is not None and proved.decided[finding.quantity][index]:
        low, high = (float(end[index]) for end in proved.ends[finding.quantity])
        kink = bool(proved.kinks[finding.quantity][index])
        opinion = _Opinion("enclosure", low, high, kink)
        if kink or not _contradicted(finding, index, opinion):
            yield opinion


def _contradicted(finding: Finding, index: tuple[int, ...], opinion: _Opinion) -> bool:
    """Whether forward on plain floats has a very different slope than on balls.

    It may treat balls differently, or use a value that does not pass through them.
    """
    estimate = differences(finding.layer_case, finding.quantity, index)
    if estimate is None:
        return False
    value, error = estimate
    return opinion.off(value) > _ROUGHLY * max(abs(value), abs(opinion.low)) + 16 * error


def _estimated(finding: Finding, index: tuple[int, ...]) -> Iterator[_Opinion]:
    estimate = differences(finding.layer_case, finding.quantity, index)
    c = finding.comparison
    if estimate is not None and c is not None:
        value, error = estimate
        opinion = _Opinion("finite differences", value - error, value + error)
        if opinion.off(float(c.manual[index])) or opinion.off(float(c.reference[index])):
            yield opinion  # else it cannot tell the two apart


def _too_close(finding: Finding, index: tuple[int, ...]) -> bool:
    """Whether both sides lie within the error of finite differences, which speak here."""
    c = finding.comparison
    assert c is not None
    m, r = float(c.manual[index]), float(c.reference[index])
    near = abs(m - r) <= _ROUGHLY * min(abs(m), abs(r))
    return near and differences(finding.layer_case, finding.quantity, index) is not None


def _worst(finding: Finding) -> Iterator[tuple[int, ...]]:
    c = finding.comparison
    assert c is not None
    with np.errstate(all="ignore"):
        ratio = np.where(c.error > c.bound, np.asarray(c.error / c.bound), 0.0)
    for at in np.argsort(-ratio, axis=None, kind="stable")[:_ENTRIES]:
        index = tuple(int(i) for i in np.unravel_index(at, ratio.shape))
        if ratio[index] > 0:
            yield index


def _enclosure(case: Case) -> Enclosure | None:
    if not enclose.available() or enclose.entries(case) > enclose.MOST:
        return None
    try:
        return enclose.enclose(case)
    except Unsupported:
        return None


def _wrong_backward(finding: Finding) -> str:
    if not isinstance(finding.case, NetworkCase):
        return "the backward pass is wrong"
    # Layers are judged first, so what is left of a network is how it connects them.
    what = "backward pass" if finding.depth == "free" else "wiring"
    return f"the network's {what} is wrong"


def _forward_agrees(subject: Subject, case: Case) -> bool | None:
    """Whether forward is torch's function, in float64; None if its outputs are only rounding."""
    judging = judge_network if isinstance(case, NetworkCase) else judge_layer
    found = judging(subject, wide(case), Clock()).findings
    outputs = [f for f in found if f.quantity not in case.arrays and not f.layer]
    if any(f.failed and f.comparison is not None for f in outputs):
        return False
    return None if any(f.cause == BLIND for f in outputs) else True
