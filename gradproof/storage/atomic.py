"""Files are written whole or not at all: under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from gradproof.errors import InputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary file; it becomes `path` at the end, or is removed on an exception."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, with the same bytes on every system."""
    with whole(path) as file:
        file.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write as JSON that a person can read."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def try_writing(folder: Path, otherwise: str = "") -> None:
    """Raise InputError now, not after hours of judging, if the folder cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written to ({error.strerror}); make it a writable folder"
            f"{otherwise}"
        ) from error


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
