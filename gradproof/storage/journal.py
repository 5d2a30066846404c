"""The append-only journal: a file of JSON objects, one a line, that a kill leaves readable."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def append(path: Path, about: dict[str, Any]) -> None:
    """Add a line in one write, and return when it is on the disk. Other processes may append too.

    A line that a killed process left half written is closed first.
    """
    line = json.dumps(about, ensure_ascii=False).encode() + b"\n"
    with path.open("ab+", buffering=0) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        os.fsync(file.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """What was appended, in order; half a line is passed by, and no file is an empty journal."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            about = json.loads(line)
        except ValueError:
            continue
        if isinstance(about, dict):
            found.append(about)
    return found
