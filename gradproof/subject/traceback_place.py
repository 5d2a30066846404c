"""What the user's code raised, and where."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_NOT_THEIRS = (
    Path(__file__).parents[1],
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")),
)


def blame(error: BaseException) -> tuple[str, str]:
    """The exception in one line, and "file:line" of the innermost frame outside the libraries.

    The place is "" if there is no such frame.
    """
    said = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())[:300]
    if isinstance(error, SyntaxError) and error.filename:  # that code has no frame: it did not run
        return said, f"{error.filename}:{error.lineno}"
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return said, _place((frame.filename, frame.lineno) for frame in frames)


def blame_dump(text: str) -> tuple[str, str]:
    """The same for what `faulthandler` wrote about a crash in compiled code."""
    said = text.splitlines()[0].removeprefix("Fatal Python error: ")
    return said, _place(re.findall(r'^  File "(.+)", line (\d+)', text, flags=re.MULTILINE))


def _place(frames: Iterable[tuple[str, Any]]) -> str:
    """The first frame outside the libraries, as "file:line"; the innermost comes first."""
    for name, line in frames:
        path = Path(name).absolute()
        if path.is_file() and not any(path.is_relative_to(folder) for folder in _NOT_THEIRS):
            return f"{path}:{line}"
    return ""
