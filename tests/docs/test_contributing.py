"""CONTRIBUTING.md's example, done as it stands there, in a copy of the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the example is judged against torch")

from tests.command import GRADPROOF, python

ROOT = Path(__file__).parents[2]
PARTS = ["manual", "reference", "gradproof", "tests", "reports", "docs", "pyproject.toml"]
FILES = ["manual/layers/sine.py", "reference/layers/sine.py", "tests/strategies/layers/sine.py"]


def blocks() -> dict[str, str]:
    """The marked code blocks: file name → text."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return python(copy, copy, *command, GRADPROOF_PROFILE="quick")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    made = tmp_path / "copy"
    leave = shutil.ignore_patterns("__pycache__", "_build", "latest", "runs")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, made / part, ignore=leave)
        else:
            shutil.copy(source, made / part)
    for name, text in blocks().items():
        assert not (made / name).exists(), f"the example would overwrite {name}"
        (made / name).write_text(text, encoding="utf-8")
    return made


def test_the_example_is_three_files() -> None:
    assert list(blocks()) == FILES


def test_the_new_layer_is_discovered_everywhere(copy: Path) -> None:
    wanted = "finished or left_over or Sine"
    tested = run(
        copy,
        "-m",
        "pytest",
        "tests/house/test_mirror.py",
        "tests/manual/test_numpy_only.py",
        "-k",
        wanted,
    )
    assert tested.returncode == 0, tested.stdout
    table = run(copy, "-c", "from docs.layer_table import layer_table; print(layer_table())")
    assert "| `Sine` | sin(ω x) | `x` | `manual/layers/sine.py` |" in table.stdout

    judged = run(copy, "-c", GRADPROOF, "verify", "--profile", "quick", "--layers", "Sine")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    latest = copy / "reports" / "latest"
    assert "Sine" in (latest / "agreement.csv").read_text(encoding="utf-8")
    assert "Sine" in (latest / "index.html").read_text(encoding="utf-8")


def test_a_wrong_derivative_in_it_is_found(copy: Path) -> None:
    rule = copy / "manual/layers/sine.py"
    text = rule.read_text(encoding="utf-8")
    rule.write_text(text.replace("self.omega * np.cos", "np.cos"), encoding="utf-8")
    judged = run(copy, "-c", GRADPROOF, "verify", "--profile", "quick", "--layers", "Sine")
    assert judged.returncode == 1, judged.stdout + judged.stderr
    assert "Sine" in judged.stdout
    assert "gradproof replay" in judged.stdout


@pytest.mark.parametrize("left_out", FILES[1:])
def test_a_file_left_out_is_asked_for(copy: Path, left_out: str) -> None:
    (copy / left_out).unlink()
    tested = run(
        copy, "-m", "pytest", "tests/house/test_mirror.py", "-k", "test_every_layer_is_finished"
    )
    assert tested.returncode == 1
    assert "Sine is not finished; add" in tested.stdout
    assert f"{left_out}: @" in re.sub(" +", " ", tested.stdout)
