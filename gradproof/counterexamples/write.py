"""Writing a counterexample: the case, its message, and its stand-alone test."""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from pathlib import Path

from gradproof.cases.case import Case
from gradproof.cases.file import encode, save
from gradproof.cases.optimizer_case import OptimizerCase, UpdateCase
from gradproof.counterexamples.message import explain_culprit
from gradproof.counterexamples.standalone_test import source
from gradproof.judge.verdict import Judgement
from gradproof.storage.atomic import write_text
from gradproof.subject.subject import Subject


def write(subject: Subject, judgement: Judgement, folder: Path, shrunk_from: str = "") -> Path:
    """Write the judgement's first fault into the folder; returns the path of its case file.

    Beside ``Kind-quantity-3fa9.npz`` lie the message, .txt, and a layer's stand-alone test, .py.
    Each file is written whole or not at all.
    """
    finding = judgement.culprit
    assert finding is not None, "there is no fault to write"
    quantity = re.sub(r"\W+", "_", finding.quantity)
    path = folder / f"{finding.kind}-{quantity}-{_digest(finding.case)}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    near = os.path.relpath(path)
    shown = path if near.startswith("..") else near
    text = explain_culprit(subject, judgement, f"gradproof replay {shown}", shrunk_from)
    save(path, judgement.case if isinstance(judgement.case, OptimizerCase) else finding.case)
    write_text(path.with_suffix(".txt"), text)
    if isinstance(finding.case, Case) and finding.case.dy:  # else it was not judged to the end
        write_text(path.with_suffix(".py"), source(subject, finding, text))
    return path


def _digest(case: Case | UpdateCase) -> str:
    """Four hexadecimal digits of everything in the case."""
    made = blake2b(repr(encode(case.target)).encode(), digest_size=2)
    for array in (*case.arrays.values(), *case.dy):
        made.update(b"" if array is None else array.tobytes())
    return made.hexdigest()
