"""Part files: rows as JSON lines, one file per task, so that a crash loses nothing finished."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FOLDERS = ("parts", "counterexamples")
"""Of a run: its part files, and what disagrees."""


def make_folders(run: Path) -> None:
    """Make the folders of a run, where they are missing."""
    for name in FOLDERS:
        (run / name).mkdir(parents=True, exist_ok=True)


class PartFile:
    """The first line is the list of column names; every other line is one row's list of values."""

    def __init__(self, path: Path, schema: type) -> None:
        self._file = path.open("w")
        names = [f.name for f in fields(schema)]
        self._values = attrgetter(*names)
        self._write(names)

    def add(self, rows: Iterable[Any]) -> None:
        """Append rows of the schema and hand them to the operating system."""
        for row in rows:
            self._write(self._values(row))
        self._file.flush()

    def _write(self, values: Any) -> None:
        self._file.write(json.dumps(values, separators=(",", ":")) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()
