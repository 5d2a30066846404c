"""What was judged before a run was killed or interrupted is kept, and goes into no other run."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="a run judges against torch")

from tests.command import group_ended, main, project, started

LONG = ("verify", "--layers", "Net", "--examples", "100000", "--jobs", "1")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


def rows_in(run: Path) -> int:
    """Whole rows of agreement in the run's part files."""
    texts = [p.read_text(encoding="utf-8") for p in run.glob("parts/agreement-*.jsonl")]
    return sum(text.count("\n") - 1 for text in texts)


def runs_in(report: Path) -> list[str]:
    """The run that each row of the report's agreement.csv is from."""
    with (report / "agreement.csv").open(encoding="utf-8", newline="") as file:
        return [row["run"] for row in csv.DictReader(file)]


def says_incomplete(report: Path) -> bool:
    texts = [(report / name).read_text(encoding="utf-8") for name in ("index.html", "REPORT.md")]
    return all("This run is incomplete" in text for text in texts)


@needs_proc
@pytest.mark.parametrize("everything", [True, False], ids=["its group", "its first process"])
def test_a_killed_run_is_kept_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    folder = project(tmp_path / "project")
    process, run = started(folder, 50, *LONG)
    (os.killpg if everything else os.kill)(process.pid, signal.SIGKILL)
    assert group_ended(process), "a worker outlived its run"
    process.communicate()
    kept = rows_in(run)
    assert kept >= 50
    if not everything:
        return

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    report = folder / "reports/latest"
    assert main(["report", str(run)]) == 0
    assert says_incomplete(report)
    assert runs_in(report) == [run.name] * kept

    assert main(["verify", "--layers", "SGD", "--profile", "quick", "--jobs", "1"]) == 0
    (other,) = {*(folder / "reports/runs").iterdir()} - {run}
    assert set(runs_in(report)) == {other.name}
    assert not says_incomplete(report)
    assert rows_in(run) == kept


@needs_proc
def test_ctrl_c_ends_a_run_with_its_report(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    process, run = started(folder, 50, *LONG)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, out + err
    assert group_ended(process)
    assert "Traceback" not in out + err
    assert "agree so far" in out
    said = err.splitlines()[-1]
    assert said == f"gradproof: interrupted; the finished rows are in {run} and in the report"
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert about["interrupted"] and about["finished"] is None
    assert says_incomplete(folder / "reports/latest")
    assert runs_in(folder / "reports/latest") == [run.name] * rows_in(run)
