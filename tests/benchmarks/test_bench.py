"""The timings run and are written. How long anything takes is not for a test to say."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.dense import NETWORKS
from benchmarks.run import PLAN
from benchmarks.sides import SIDES

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("dense", NETWORKS[:2], ids=lambda dense: dense.name)
def test_the_sides_take_the_same_steps(dense) -> None:
    sides = [SIDES[name](dense, np.float64) for name in ("manual", "nn", "functional")]
    start = dense.params(np.float64)
    for _ in range(5):
        for side in sides:
            side.step()
    manual, *others = (
        {name: np.asarray(getattr(p, "detach", lambda p=p: p)()) for name, p in side.params.items()}
        for side in sides
    )
    for other in others:
        assert list(other) == list(manual)
        for name, value in manual.items():
            assert not np.array_equal(value, start[name])
            np.testing.assert_allclose(value, other[name], rtol=1e-9)


def test_what_is_written(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    ran = bench("--out", str(out), "--seconds", "0.001")
    assert ran.returncode == 0, ran.stderr
    assert sorted(path.name for path in out.iterdir()) == ["bench.csv", "bench.md"]
    with (out / "bench.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["network"], row["dtype"]) for row in rows] == [
        (dense.name, dtype.__name__) for dense, dtype in PLAN
    ]
    assert all(float(row["manual_us"]) > 0 and float(row["times_nn"]) > 0 for row in rows)
    text = (out / "bench.md").read_text(encoding="utf-8")
    for said in ("2-3-1 sigmoid", "- numpy: ", "- blas: ", "- threads: 1\n", "- cpu: "):
        assert said in text


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = bench("--out", str(tmp_path / "file" / "folder"), "--seconds", "0.001")
    assert ran.returncode == 2
    assert len([line for line in ran.stderr.splitlines() if line.startswith("benchmarks: ")]) == 1
    assert "Traceback" not in ran.stderr


def test_a_time_that_is_none() -> None:
    ran = bench("--seconds", "0")
    assert ran.returncode == 2
    assert "--seconds is a time above 0, not 0" in ran.stderr
