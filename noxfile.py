#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.10.14"]
# ///

"""What runs in other environments than the Makefile's.

The tests that need no torch, on every supported Python; and the judge's own, with the oldest and
the newest packages that pyproject.toml allows.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

# pyenv's own `python3.12` fails unless that version is switched on: look for the interpreters.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
FOUND = map(str, PYENV.glob("versions/3.1[123].*/bin"))
os.environ["PATH"] = os.pathsep.join([*FOUND, os.environ["PATH"]])

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"


@nox.session(python=["3.11", "3.12", "3.13"])
def numpy_only(session: nox.Session) -> None:
    """Test `manual`, its strategies and the drawing of cases without torch."""
    session.install("-c", "constraints.txt", "--group", "numpy-only")
    session.run("python", "-m", "pytest", "tests/manual/test_numpy_only.py", *session.posargs)


@nox.session(python="3.11")
@nox.parametrize("packages", ["oldest", "newest"])
def ranges(session: nox.Session, packages: str) -> None:
    """Test the judge with the oldest or the newest packages, beside the pinned torch."""
    project = nox.project.load_toml("pyproject.toml")
    extras = project["project"]["optional-dependencies"]
    extras.pop("torch")  # a newer one brings gigabytes for a GPU; no older one is allowed
    asked = [*project["project"]["dependencies"], *(r for extra in extras.values() for r in extra)]
    if packages == "oldest":
        asked = [requirement.replace(">=", "==") for requirement in asked]
    pinned = Path("constraints.txt").read_text(encoding="utf-8").splitlines()
    (torch,) = (line for line in pinned if line.startswith("torch=="))
    session.install(*asked, torch, "pytest>=9", "pytest-xdist>=3.6", "scipy>=1.14")
    session.install("--no-deps", "--editable", ".")
    rooms = [f"tests/{room}" for room in ("cases", "checking", "judge", "oracle", "rounding")]
    session.run("python", "-m", "pytest", "-n", "2", *(session.posargs or rooms))


if __name__ == "__main__":
    nox.main()
