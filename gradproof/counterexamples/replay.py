"""Judging a saved case again."""

from __future__ import annotations

from pathlib import Path

from gradproof.cases.case import Case
from gradproof.cases.file import load
from gradproof.counterexamples.message import describe, explain_culprit
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import Judgement
from gradproof.oracle.layer import Oracle
from gradproof.subject.subject import Subject


def replay(subject: Subject, path: Path) -> tuple[Judgement, str]:
    """Judge the case in a file; the text is one line, or the explanation of what disagrees.

    Raises    InputError when the file holds no case of this subject
    """
    judgement = judged_again(subject, path)
    if judgement.culprit is not None:
        return judgement, explain_culprit(subject, judgement, f"gradproof replay {path}")
    worst = max((f.figures.worst_ratio for f in judgement.findings if f.measured), default=0.0)
    count, crossed = len(judgement.findings), sum(f.across for f in judgement.findings)
    across = f" (but for {crossed} across a kink)" if crossed else ""
    said = f"agrees with PyTorch: {count} arrays, at most {worst:.2f}× of their rounding bounds"
    said += across
    if judgement.verdict != "agree":
        said = f"is {judgement.verdict}: nothing in it could have failed"
    return judgement, f"{describe(judgement.case)}  {said}\n"


def judged_again(subject: Subject, path: Path) -> Judgement:
    """Judge the case in a file.

    Raises    InputError when the file holds no case of this subject
    """
    return judge(subject, load(path, subject.types, lambda case: _refused(subject, case)))


def _refused(subject: Subject, case: Case) -> str:
    """Why the reference cannot take a case, in one line; "" if it can."""
    try:
        y = Oracle.of(subject.twin, case).y
    except Exception as error:  # noqa: BLE001  (whatever it raises: the arrays do not fit)
        return " ".join(f"{type(error).__name__}: {error}".split())
    if not case.dy:  # it was never run to its end; dy is drawn from its seed
        return ""
    fits = len(y) == len(case.dy) and all(
        d is None or d.shape == out.shape for d, out in zip(case.dy, y, strict=True)
    )
    return "" if fits else "dy does not have the shapes of y"
