"""The gradproof command in a project of its own, in this process or in one that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from gradproof.cli import main

ROOT = Path(__file__).parents[1]
# Tests in the background of a shell without job control were started with Ctrl-C ignored.
_COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from gradproof.cli import main
sys.exit(main(sys.argv[1:]))
"""


GRADPROOF = "import sys; from gradproof.cli import main; sys.exit(main(sys.argv[1:]))"
"""The command line as what `python -c` is given."""


def python(
    folder: Path, modules: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Python in a folder; modules: searched before whatever is installed."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(modules), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def project(folder: Path, subject: str = "tests.subject:subject") -> Path:
    """A folder that is judged: its pyproject.toml names the subject, and runs are kept in it."""
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(f'[tool.gradproof]\nsubject = "{subject}"\n')
    return folder


def start(folder: Path, *arguments: str, before: Path | None = None) -> subprocess.Popen[str]:
    """Begin the command in a process group of its own; before: searched first for modules."""
    path = [str(p) for p in (before, ROOT) if p is not None]
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def started(folder: Path, rows: int, *arguments: str) -> tuple[subprocess.Popen[str], Path]:
    """A command that has judged so many arrays and is not at its end; and its run's folder."""
    process = start(folder, *arguments)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        for part in folder.glob("reports/runs/*/parts/agreement-*.jsonl"):
            if part.read_bytes().count(b"\n") > rows:
                return process, part.parents[1]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    out, err = process.communicate()
    raise AssertionError(f"the command judged nothing: {process.returncode} {out} {err}")


def group_ended(process: subprocess.Popen[str], seconds: float = 20) -> bool:
    """Whether the process and all that it started have ended, or do so soon."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        process.poll()
        if not any(_alive_in(process.pid, stat) for stat in Path("/proc").glob("[0-9]*/stat")):
            return True
        time.sleep(0.05)
    return False


def _alive_in(group: int, stat: Path) -> bool:
    try:
        state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return False
    return int(pgrp) == group and state not in "ZX"


__all__ = ["GRADPROOF", "ROOT", "group_ended", "main", "project", "python", "start", "started"]
