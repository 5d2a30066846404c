"""The environment of a run: versions, processor, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np


def environment(root: Path, leave: Path | None = None) -> dict[str, Any]:
    """Versions, BLAS, threads, processor and commit of the project at root.

    leave    as in `commit`
    """
    packages = ("numpy", "torch", "scipy", "hypothesis", "pandas")
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
        "gradproof": _version("gradproof"),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "threads": os.environ.get("OMP_NUM_THREADS", "as the libraries choose"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "device": "cpu",
        "platform": platform.platform(terse=True),
        "commit": commit(root, leave),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit(root: Path, leave: Path | None = None) -> str:
    """The checked-out commit of the project, with "+" if any of its files has changed.

    leave     a folder whose changes do not count: that of the results
    """

    def git(*args: str) -> str:
        command = ["git", "-C", str(root), *args]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  (fixed words)
        return done.stdout.strip()

    inside = leave is not None and leave.is_relative_to(root)
    but = ["--", ".", f":(exclude){leave.relative_to(root)}"] if leave and inside else []
    try:
        return git("rev-parse", "--short=12", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no", *but) else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
