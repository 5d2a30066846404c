"""The message on a disagreement, in the order in which a reader asks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, NetworkCase
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.diagnosis.budget import SECONDS
from gradproof.diagnosis.diagnose import diagnose
from gradproof.diagnosis.rules.absent_cotangent import absent_outputs
from gradproof.judge.dispatch import AnyCase
from gradproof.judge.verdict import Finding, Judgement, Votes, beside
from gradproof.judge.vote import votes
from gradproof.subject.layer_options import as_text
from gradproof.subject.low_precision import LOW
from gradproof.subject.subject import Subject

WIDTH = 110
_INDENT = 19  # where a line's text begins, after its name
_BY_HAND = 24  # so many numbers can be worked through by hand


def explain(
    finding: Finding,
    siblings: Sequence[Finding],
    votes: Votes,
    cause: str,
    command: str,
    shrunk_from: str = "",
) -> str:
    """What disagrees, where, by how much, who votes how, why, on which case, and how to replay it.

    siblings     findings on the other arrays of the same layer, at the same depth
    cause        the likely cause, from `diagnose`
    command      the command that replays the case
    shrunk_from  what the case was before it was shrunk; "" if it was not
    """
    lines = _title(finding)
    others = _others(finding, siblings)
    if finding.comparison is not None:
        lines += _numbers(finding)
        lines += _line("votes", f"{_vote(finding, votes):<44}", f"→ {votes.verdict}")
        lines += _line("likely cause", f"{cause:<44}", f"({others})" if others else "")
    elif others:
        lines += _line("other arrays", others)
    shrunk = [f"   shrunk from {shrunk_from}"] if shrunk_from else []
    if finding.choice:
        lines += _line("if it is meant", "say why, as its `conventions`")
    lines += _absent(finding.case)
    lines += _line("case", *_items(finding.case), *shrunk)
    lines += [f"{'':{_INDENT}}{step}" for step in steps(finding.case.target)]
    lines += _values(finding)
    if command:
        lines.append(f"  {'again':<17}{command}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


_LAYOUTS = {
    "C": (),
    "F": ("in memory column by column",),
    "strided": ("in memory with gaps",),
    "reversed": ("in memory backwards",),
}


def describe(case: AnyCase) -> str:
    """The layer with its options, dtype and the shapes of its arrays."""
    return "  ".join(_items(case))


def _items(case: AnyCase) -> list[str]:
    layer = as_text(case.target)
    if isinstance(case, NetworkCase):
        layer = f"{case.kind} of {_count(len(case.layer.steps), 'step')}"
    arrays = [f"{n} {a.shape}" for n, a in case.arrays.items() if a is not None]
    return [layer, case.precision, *arrays, *_LAYOUTS[case.layout]]


def steps(layer: Any) -> list[str]:
    """A network's program, one line per step; [] for a layer."""
    found = []
    for step in getattr(layer, "steps", ()):
        inner = (
            f"{type(step.layer).__name__}(…)"
            if hasattr(step.layer, "steps")
            else as_text(step.layer)
        )
        found.append(f"{', '.join(step.outs)} = {inner}({', '.join(map(str, step.args))})")
    return found


def _title(finding: Finding) -> list[str]:
    name = finding.kind + (f' "{finding.layer}"' if finding.layer else "")
    array = f"the gradient of {finding.quantity}" if _is_gradient(finding) else finding.quantity
    if finding.verdict == "error":
        what = f"{name} fails" if finding.quantity == "backward" else f"{name} fails in {array}"
    elif finding.choice:
        what = f"{name} makes another choice than PyTorch at a kink, in {array}"
    elif finding.votes is not None:
        what = f"{name} agrees with PyTorch in {array}, and both are wrong"
    elif isinstance(finding.case, NetworkCase) and finding.depth != "free":
        what = f"The wiring of {name} disagrees with PyTorch in {array}"
    else:
        what = f"{name} disagrees with PyTorch in {array}"
    if finding.comparison is None:
        return textwrap.wrap(f"{what}: {finding.cause}", WIDTH, subsequent_indent="  ")
    inside = finding.layer and isinstance(finding.case, Case)
    depth = {
        "chained": "(chained: every layer alone is right)",
        "free": "(free: only a run on its own differs)",
    }.get(finding.depth, "(isolated: fed PyTorch's own inputs)" if inside else "")
    room = WIDTH - len(depth)
    return [f"{what:<72}{depth}"] if len(what) < room - 1 else [what, f"  {depth}"]


def _is_gradient(finding: Finding) -> bool:
    """Whether it is a gradient: no output, and no parameter after an optimiser's step."""
    return finding.quantity in finding.case.arrays and isinstance(finding.case, Case)


def _numbers(finding: Finding) -> list[str]:
    f, size = finding.figures, int(np.prod(finding.shape))
    to = np.dtype(finding.case.dtype).type
    at = "" if f.worst_index == () else f"at {list(f.worst_index)}     "
    lines = [f"  {at}manual {to(f.manual)!s}     {_theirs(finding)} {to(f.reference)!s}"]
    over = (
        f"{f.n_over} of {_count(size, 'entry', 'entries')} {'is' if f.n_over == 1 else 'are'} over"
    )
    if not np.isfinite([f.manual, f.reference]).all():
        lines.append(f"  they are not both finite;  {over}")
    else:
        ratio = f"{_times(f.worst_ratio)} the rounding bound {f.bound:.2g}"
        what = (
            f"what a last rounding to {_low(finding)} leaves" if _low(finding) else "|difference|"
        )
        lines.append(f"  {what} is {ratio};  {over}")
    return lines


def _values(finding: Finding) -> list[str]:
    """All numbers of a case, if they are so few that one can compute the gradient by hand."""
    numbers, both = _given(finding), finding.comparison
    if both is not None:
        numbers |= {"manual": both.returned, _theirs(finding): both.reference}
    if not numbers or sum(a.size for a in numbers.values()) > _BY_HAND:
        return []
    return _line("values", *(f"{n} {_written(a)}" for n, a in numbers.items()))


def _absent(case: AnyCase) -> list[str]:
    """Which outputs the loss does not use, or which parameters have no gradient in a step."""
    if isinstance(case, UpdateCase) and case.absent:
        said = f"the gradient of {', '.join(case.absent)}: grads lacks it; in PyTorch .grad is None"
        return _line("absent", said)
    absent = absent_outputs(case) if isinstance(case, Case) else []
    if not absent:
        return []
    return _line(
        "absent", f"the cotangent of {', '.join(absent)}: the loss does not use that output"
    )


def _given(finding: Finding) -> dict[str, Array]:
    """A layer's arrays and cotangents; for an update, all that belongs to the parameter."""
    case = finding.case
    if isinstance(case, Case):
        given = {**case.arrays, **numbered("dy", case.dy)}
        return {n: a for n, a in given.items() if a is not None}
    owner = case.owner(finding.quantity)
    return {n: a for n, a in {**case.arrays, **case.before}.items() if case.owner(n) == owner}


def _written(array: Array) -> str:
    """The array as a list: to six digits, or to all of them where six would make entries equal."""
    exact = [float(str(v)) if array.dtype.kind == "f" else int(v) for v in array.ravel()]
    short = [float(f"{v:.6g}") if isinstance(v, float) else v for v in exact]
    shown = short if len({*short}) == len({*exact}) else exact
    return str(np.array(shown, dtype=object).reshape(array.shape).tolist())


def _theirs(finding: Finding) -> str:
    side = "autograd" if _is_gradient(finding) else "torch"
    return f"{side} in float64" if _low(finding) else side


def _low(finding: Finding) -> str:
    """The dtype of low precision in which it was judged; "" elsewhere."""
    precision = finding.case.precision
    return precision if precision in LOW else ""


def _vote(finding: Finding, votes: Votes) -> str:
    said = votes.agreement
    if votes.index != finding.figures.worst_index:
        said += f", at {list(votes.index)}"
    return said


def _others(finding: Finding, siblings: Sequence[Finding]) -> str:
    """Which other arrays of the layer are fine: that helps to find the wrong term."""
    rest = {f.quantity: f for f in siblings if f.quantity != finding.quantity}.values()
    fine = [f"{f.quantity} {_times(f.figures.worst_ratio)}" for f in rest if f.verdict == "agree"]
    wrong = [f.quantity for f in rest if f.failed]
    said = []
    if fine:
        of = "of its bound is" if len(fine) == 1 else "of their bounds are"
        said.append(f"{', '.join(fine)} {of} fine")
    if wrong:
        said.append(f"{', '.join(wrong)} wrong as well")
    return "; ".join(said)


def _times(ratio: float) -> str:
    if not np.isfinite(ratio):
        return "∞"
    return f"{ratio:.2f}×" if ratio < 10 else f"{ratio:.3g}×"


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _line(name: str, *items: str) -> list[str]:
    """A line with a name and items, two blanks apart; what does not fit is wrapped below."""
    lines = [f"  {name:<{_INDENT - 4}}"]
    for item in filter(None, items):
        if len(lines[-1].rstrip()) > _INDENT and len(lines[-1]) + 2 + len(item.rstrip()) > WIDTH:
            lines.append(" " * (_INDENT - 2))
        blank = len(lines[-1])
        wrapped = textwrap.wrap(item, WIDTH - _INDENT, break_long_words=False) or [""]
        head = item if len(wrapped) == 1 else wrapped[0]
        lines[-1] += " " * max(2, _INDENT - blank) + head
        lines += [" " * _INDENT + more for more in wrapped[1:]]
    return lines


def explain_culprit(
    subject: Subject, judgement: Judgement, command: str, shrunk_from: str = ""
) -> str:
    """The whole message on a judgement's first fault."""
    return explained(subject, judgement, command, shrunk_from).text


@dataclass(frozen=True)
class Explanation:
    """What is said of a judgement's first fault: the likely cause, the votes, the whole message."""

    cause: str
    votes: Votes
    text: str


def explained(
    subject: Subject, judgement: Judgement, command: str, shrunk_from: str = ""
) -> Explanation:
    """Look for the cause, and ask the witnesses."""
    finding = judgement.culprit
    assert finding is not None
    siblings = beside(judgement, finding)
    cause = diagnose(subject, finding, siblings, SECONDS)
    said = votes(subject, finding)
    text = explain(finding, siblings, said, cause, command, shrunk_from)
    return Explanation(cause, said, text)
