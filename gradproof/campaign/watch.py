"""A limit on the time that a case takes, and a trace of the case that ends the process.

The process ends itself from a thread of the interpreter's own, so that compiled code that never
returns is ended as well. Whoever started it reads which case it was and why it ended.
"""

from __future__ import annotations

import faulthandler
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from gradproof.subject.traceback_place import blame_dump

Watch: TypeAlias = Any
"""watch(digest): a context in which that case is judged."""
LIMIT = 60.0
"""Seconds that a case may take, by default."""


def unwatched(_digest: str) -> Any:
    """A watch that does nothing."""
    return nullcontext()


@contextmanager
def watching(folder: Path, name: str, limit: float) -> Iterator[Watch]:
    """Yield the watch for a task of that name. The files in the folder stay if the process dies."""
    at, dump = _files(folder, name)
    with at.open("wb") as case, dump.open("wb") as crash:
        faulthandler.enable(crash, all_threads=False)

        @contextmanager
        def watch(digest: str) -> Iterator[None]:
            os.pwrite(case.fileno(), f"{digest:<12}".encode(), 0)
            if math.isfinite(limit):
                faulthandler.dump_traceback_later(limit, exit=True, file=crash)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                os.pwrite(case.fileno(), b" " * 12, 0)

        try:
            yield watch
        finally:
            faulthandler.disable()
            for path in (at, dump):
                path.unlink()


def lost_case(folder: Path, name: str, limit: float) -> tuple[str, str]:
    """(digest, reason) of what a process was judging when it died; "" if it judged nothing."""
    at, dump = _files(folder, name)
    digest = at.read_text(encoding="ascii").strip() if at.is_file() else ""
    text = dump.read_text(encoding="utf-8", errors="replace") if dump.is_file() else ""
    if not text:
        return digest, "its process ended (os._exit, or out of memory?)"
    said, place = blame_dump(text)
    where = f" (at {place})" if place else ""
    if said.startswith("Timeout"):
        return digest, f"it took longer than {limit:g} s{where}"
    return digest, f"its process crashed: {said}{where}"


def forget_cases(folder: Path) -> None:
    """Remove what processes that were ended from outside have left."""
    for pattern in _files(folder, "*"):
        for path in folder.glob(pattern.name):
            path.unlink(missing_ok=True)


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    """Where a task of that name writes the case at hand, and the traceback of its end."""
    return folder / f"{name}.case", folder / f"{name}.crash"
