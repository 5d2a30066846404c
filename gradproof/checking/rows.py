"""The rows of a check, as `gradproof verify` writes those of a run: for the report."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

from gradproof.campaign.row_files import row_files
from gradproof.cases.case import Case
from gradproof.checking.result import Verdict
from gradproof.judge.clock import Clock
from gradproof.storage.atomic import write_text
from gradproof.storage.part_file import make_folders


def write_rows(verdict: Verdict, folder: Path, name: str) -> None:
    """Write the rows and the smallest case of a check into a run's folder; its name is the run's.

    name    of the check, which no other in the folder has
    """
    make_folders(folder)
    unlike = blake2b(name.encode(), digest_size=4).hexdigest()
    word = f"{re.sub('[^A-Za-z0-9]+', '_', name)[:80]}-{unlike}"
    counterexample = _counterexample(verdict, folder, word)
    with row_files(folder, folder.name, word, "layer") as add:
        for judgement in verdict.judgements:
            add(judgement, Clock(), "", counterexample)


def _counterexample(verdict: Verdict, folder: Path, word: str) -> str:
    """Save the smallest case and its message; returns its path within the folder, or ""."""
    if verdict.smallest is None or verdict.smallest.culprit is None:
        return ""
    path = folder / "counterexamples" / f"{verdict.name}-{word}"
    if isinstance(verdict.smallest.culprit.case, Case):
        verdict.save(path)
    write_text(path.with_suffix(".txt"), str(verdict))
    return str(path.relative_to(folder).with_suffix(".npz"))
