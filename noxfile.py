#!/usr/bin/env -S uv run --script

# /// script
# dependencies = ["nox>=2025.10.14"]
# ///

"""The tests that need no torch, on every supported Python. Everything else is in the Makefile."""

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


if __name__ == "__main__":
    nox.main()
