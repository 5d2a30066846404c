"""What people call from Python: one case judged, and a saved case judged again."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from gradproof.counterexamples.replay import replay as replay_file
from gradproof.judge.dispatch import AnyCase, judge
from gradproof.judge.verdict import Judgement
from gradproof.subject.load import load_subject
from gradproof.subject.subject import Subject


def judge_case(subject: Subject, case: AnyCase) -> Judgement:
    """Judge a layer, a network or an optimiser on one case, entry by entry against its twin.

    subject   says what the layer should equal
    case      what is judged, on given arrays; a cotangent that it lacks is drawn from its seed

    Returns the judgement: `verdict` is one word, `findings` has a finding for each output and
    gradient, and `culprit` is the finding to look at first, or None.
    """
    return judge(subject, case)


def replay(
    path: str | PathLike[str], root: str | PathLike[str] | None = None
) -> tuple[Judgement, str]:
    """Judge again a case that was saved in a file, as the command ``gradproof replay`` does.

    path    of a counterexample's .npz
    root    folder of the pyproject.toml that names the subject; by default the current folder or
            one above it

    Returns the judgement and a text: one line, or the explanation of what disagrees.

    Raises    InputError when there is no subject, or the file holds no case of it
    """
    subject = load_subject(None if root is None else Path(root))
    return replay_file(subject, Path(path))
