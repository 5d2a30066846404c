"""Judging a saved case again."""

from __future__ import annotations

from pathlib import Path

from gradproof.clock import Clock
from gradproof.diagnose import diagnose
from gradproof.message import describe, explain
from gradproof.network import judge
from gradproof.steps import judge_steps, load_steps
from gradproof.store import load_case
from gradproof.subject import Subject
from gradproof.verdict import Finding, Judgement
from gradproof.witness import votes


def replay(subject: Subject, path: Path) -> tuple[Judgement, str]:
    """Judge the case in a file; the text is one line, or the explanation of what disagrees.

    Raises    InputError when the file holds no case of this subject
    """
    steps = load_steps(path, subject.types)
    if steps is not None:
        judgement = judge_steps(subject, steps, Clock())
    else:
        judgement = judge(subject, load_case(path, subject.types), Clock())
    if judgement.culprit is not None:
        return judgement, explain_culprit(subject, judgement, f"gradproof replay {path}")
    worst = max((f.figures.worst_ratio for f in judgement.findings), default=0.0)
    count = len(judgement.findings)
    said = (
        f"agrees with PyTorch: {count} arrays, at most {worst:.2f}× of their rounding bounds"
        if judgement.verdict == "agree"
        else f"is {judgement.verdict}: nothing in it could have failed"
    )
    return judgement, f"{describe(judgement.case)}  {said}\n"


def explain_culprit(
    subject: Subject, judgement: Judgement, command: str, shrunk_from: str = ""
) -> str:
    """The whole message on a judgement's first fault."""
    finding = judgement.culprit
    assert finding is not None
    siblings = beside(judgement, finding)
    cause = diagnose(subject, finding, siblings)
    return explain(finding, siblings, votes(subject, finding), cause, command, shrunk_from)


def beside(judgement: Judgement, finding: Finding) -> list[Finding]:
    """The findings on the other arrays of the same layer, at the same depth."""
    place = (finding.layer, finding.depth)
    return [f for f in judgement.findings if f is not finding and (f.layer, f.depth) == place]
