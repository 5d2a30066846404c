"""The rows of judged cases, in files of their own: one row for each array, one for each case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeAlias

from gradproof.campaign.example_row import example_row
from gradproof.judge.clock import Clock
from gradproof.judge.verdict import Judgement
from gradproof.storage.part_file import PartFile
from gradproof.storage.rows import Agreement, Example

Add: TypeAlias = Callable[[Judgement, Clock, str, str], None]
"""add(judgement, clock, network's digest or "", counterexample's path or "")."""


@contextmanager
def row_files(folder: Path, run: str, name: str, source: str) -> Iterator[Add]:
    """Yields what adds the rows of a case.

    folder    of the run, which holds the folder `parts`
    name      of the files, and of the cases with their numbers
    source    as in `Task`
    """
    numbers, parts = count(), folder / "parts"
    with (
        PartFile(parts / f"agreement-{name}.jsonl", Agreement) as agreement,
        PartFile(parts / f"examples-{name}.jsonl", Example) as examples,
    ):

        def add(judgement: Judgement, clock: Clock, network: str, counterexample: str) -> None:
            example = f"{name}-{next(numbers)}"
            agreement.add(
                f.row(run, example, network, counterexample if f.failed else "")
                for f in judgement.findings
            )
            examples.add([example_row(run, example, source, judgement, clock)])

        yield add
