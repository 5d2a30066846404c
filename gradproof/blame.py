"""What somebody's code raised, and where in it."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_NOT_THEIRS = (
    Path(__file__).parent,
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")),
)


def blame(error: BaseException) -> tuple[str, str]:
    """The exception in one line, and "file:line" of the innermost frame that is no library's.

    The place is empty where there is no such frame.
    """
    said = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())[:300]
    if isinstance(error, SyntaxError) and error.filename:  # that code has no frame: it did not run
        return said, f"{error.filename}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).absolute()
        if path.is_file() and not any(path.is_relative_to(folder) for folder in _NOT_THEIRS):
            return said, f"{path}:{frame.lineno}"
    return said, ""
