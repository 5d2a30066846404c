"""A layer that hangs, crashes, exits or cannot be compared is an error; the others are judged."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

Run: TypeAlias = tuple[Path, subprocess.CompletedProcess[str], float]
LIMIT = 4
RESTARTS = 3 * 3 * 2 + 2 + 10
"""Processes that are started: for three cases of three layers in two tasks, two at first; and time
for ten more, in which cases are drawn and judged."""
JUDGED = """
import ctypes, os, sys
from dataclasses import make_dataclass

import torch

from gradproof import CaseRules, Subject, real, spec

rules = CaseRules()


def layer(name, misfortune=None):
    def backward(self, saved, dy):
        if misfortune is not None and saved[0].size > 1:
            misfortune()
        return {"x": 2 * saved[0] * dy}

    body = {"forward": lambda self, x: (x * x, (x,)), "backward": backward}
    kind = make_dataclass(name, [], namespace=body, frozen=True)
    rules(kind, rank=(1, 2), empty=False)(lambda draw, x: spec(kind(), x=real(*x)))


def hang():
    while True:
        pass


def twin(layer, x):
    if type(layer).__name__ == "Unequalled":
        raise ValueError("no such function")
    return x * x


for i in range(6):
    layer(f"Square{i}")
layer("Hangs", hang)
layer("Crashes", lambda: ctypes.string_at(0))
layer("Exits", lambda: os._exit(0))
layer("Unequalled")
layer("Leaves", lambda: sys.exit("enough"))


def subject():
    return Subject("misfortunes", rules, twin=twin)
"""


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess, float]:
    root = tmp_path_factory.mktemp("lost")
    (root / "judged.py").write_text(JUDGED)
    (root / "pyproject.toml").write_text('[tool.gradproof]\nsubject = "judged:subject"\n')
    command = [sys.executable, "-m", "gradproof", "verify", "--profile", "quick", "--jobs", "2"]
    since = time.monotonic()
    done = subprocess.run(
        [*command, "--limit", str(LIMIT)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    return root, done, time.monotonic() - since


def test_the_run_ends_with_status_1(run: Run) -> None:
    _, done, _ = run
    assert done.returncode == 1, done.stderr


def test_the_others_are_judged_and_those_are_errors_with_their_case(run: Run) -> None:
    root, _, _ = run
    rows = pd.read_csv(root / "reports/latest/agreement.csv", keep_default_na=False)
    by_kind = {kind: set(of["verdict"]) for kind, of in rows.groupby("kind")}
    for i in range(6):
        assert by_kind[f"Square{i}"] <= {"agree", "vacuous"}
    causes = {
        "Hangs": f"it took longer than {LIMIT} s (at ",
        "Crashes": "its process crashed: Segmentation fault",
        "Exits": "its process ended (os._exit",
        "Unequalled": "the reference raised ValueError: no such function",
        "Leaves": "backward raised SystemExit: enough",
    }
    for kind, cause in causes.items():
        errors = rows[(rows["kind"] == kind) & (rows["verdict"] == "error")]
        assert errors["cause"].str.startswith(cause).all() and len(errors), kind
        saved = [name for name in errors["counterexample"] if name]
        assert saved, kind


def test_it_takes_no_longer_than_the_limits(run: Run) -> None:
    """Three cases that hang end the drawing of cases, and so they do in the sensitivity task."""
    _, _, seconds = run
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch, gradproof.campaign.worker"], check=True)
    start = time.monotonic() - began
    assert seconds < 2 * 3 * LIMIT + RESTARTS * start
