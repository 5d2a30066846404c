"""Triton kernels under its interpreter, right and wrong, where Triton is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checking.pages import program_of, unsaid

pytest.importorskip("torch", reason="kernels are judged against torch")
pytest.importorskip("triton", reason="did not run: pip install --no-deps triton")

FOLDER = Path(__file__).parents[2] / "examples" / "triton"


def test_the_right_kernels_agree_and_the_wrong_ones_do_not() -> None:
    command = [sys.executable, "-m", "gradproof", "check", "checks.py", "--json", "--cases", "10"]
    done = subprocess.run(command, check=False, cwd=FOLDER, capture_output=True, text=True)
    said = {answer["name"]: answer["agrees"] for answer in json.loads(done.stdout)}
    assert len(said) == 6
    assert {name for name, agrees in said.items() if not agrees} == {
        n for n in said if "wrong" in n
    }


def test_the_page_finds_its_fault_and_mended_it_agrees(tmp_path: Path) -> None:
    program, shown = program_of("triton")
    right = program.replace("x * s * s)", "x * s * (1 - s))")
    assert right != program
    told = []
    for number, written in enumerate((program, right)):
        file = tmp_path / f"silu{number}.py"  # Triton reads the source of a kernel
        file.write_text(written, encoding="utf-8")
        command = [sys.executable, str(file)]
        told.append(subprocess.run(command, check=False, capture_output=True, text=True))
    assert [done.returncode for done in told] == [1, 0], told[1].stderr
    assert not unsaid(shown, told[0].stderr)
