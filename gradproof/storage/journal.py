"""An append-only file of JSON lines, each at once on the disk: a kill leaves it readable."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what was appended; a line that a killed run left incomplete is skipped."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            about = json.loads(line)
        except ValueError:
            continue
        if isinstance(about, dict):
            yield about


def append(path: Path, about: dict[str, Any]) -> None:
    """Append one line; it is on the disk before this returns. Several processes may append."""
    line = json.dumps(about, ensure_ascii=False) + "\n"
    with path.open("ab", buffering=0) as file:
        file.write(line.encode())
        os.fsync(file.fileno())
