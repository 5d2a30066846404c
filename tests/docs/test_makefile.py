"""The Makefile has the targets that the pages name, and passes its variables on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import ROOT

PAGES = ["README.md", "CONTRIBUTING.md", ".ci/run", "docs/index.md"]
pytestmark = [
    pytest.mark.skipif(not (ROOT / "Makefile").is_file(), reason="the Makefile is not here"),
    pytest.mark.skipif(shutil.which("make") is None, reason="GNU make is not installed"),
]


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Make in a folder, as if nothing but the arguments were set."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def line_of(made: subprocess.CompletedProcess[str], start: str) -> str:
    """The one command that begins so, with single blanks."""
    (line,) = (line for line in made.stdout.splitlines() if line.startswith(start))
    return " ".join(line.split())


def test_the_targets_that_the_pages_name() -> None:
    listed = {line.split()[0] for line in make("help").stdout.splitlines()}
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    found = [re.findall(r"(?:^|`)make ([a-z-]+)\b", text, re.MULTILINE) for text in texts]
    named = {name for names in found for name in names}
    assert {"verify", "test", "docs", "help"} <= named
    assert named <= listed


def test_variables_are_passed_on() -> None:
    made = make("-n", "verify", "SEED=7", "LAYERS=Linear,ReLU", "PROFILE=quick", "JOBS=3")
    passed = "--profile 'quick' --seed '7' --layers 'Linear,ReLU' --jobs '3'"
    assert line_of(made, ".venv/bin/gradproof") == f".venv/bin/gradproof verify {passed}"
    made = make("-n", "soak", "NETWORKS=9", "MINUTES=0.5", "JOBS=1")
    passed = "--networks '9' --minutes '0.5' --jobs '1'"
    assert line_of(made, ".venv/bin/gradproof") == f".venv/bin/gradproof soak {passed}"


def test_jobs_are_the_cores_by_default() -> None:
    cores = os.sysconf("SC_NPROCESSORS_ONLN")
    assert f"--jobs '{cores}'" in line_of(make("-n", "mutants"), ".venv/bin/gradproof")


@pytest.mark.parametrize("status", [0, 1, 2])
def test_every_failure_is_make_s_own_status(tmp_path: Path, status: int) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = tmp_path / ".venv/bin/gradproof"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\nexit {status}\n")
    command.chmod(0o755)
    (tmp_path / ".venv/.complete").touch()
    assert make("verify", folder=tmp_path).returncode == (2 if status else 0)
