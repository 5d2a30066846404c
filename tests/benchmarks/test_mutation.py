"""Mutants of a small package are made and tried, and the figures are what came of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("mutmut", reason="`make mutation` installs it")

from benchmarks.mutation import __main__ as command
from benchmarks.mutation import output
from benchmarks.mutation.mutated import Mutant

ROOT = Path(__file__).parents[2]
TOY = """
def countdown(n):
    while n > 0:
        n -= 1
    return n


def double(n):
    return 2 * n


def shared():
    return 5


def unseen():
    return 1
"""
TESTS = """
import subprocess
import sys

import pytest

from gradproof.toy import countdown, shared


@pytest.fixture(scope="module")
def five():
    return shared()


def test_that_sets_it_up(five):
    pass


def test_that_finds_it_wrong(five):
    assert five == 5


def test_countdown():
    assert countdown(3) == 0


def test_double_in_another_process():
    code = "from gradproof.toy import double; print(double(3))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "6\\n"
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    root = tmp_path / "toy"
    for name, text in (("gradproof/toy.py", TOY), ("tests/test_toy.py", TESTS)):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    shutil.copytree(ROOT / "benchmarks/mutation", root / "benchmarks/mutation")
    for package in ("gradproof", "benchmarks"):
        (root / package / "__init__.py").touch()
    (root / "gradproof/pytest_plugin.py").touch()  # pytest loads the installed one's name
    (root / "pyproject.toml").write_text('[tool.pytest]\npythonpath = ["."]\n')
    trials = root / "benchmarks/mutation/trials.py"
    trials.write_text(trials.read_text().replace("SLOWEST = 20.0", "SLOWEST = 2.0"))
    for words in ("init -q", "add ."):
        subprocess.run(["git", *words.split()], cwd=root, check=True)
    return root


def test_mutants_are_tried_in_every_process(
    toy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ROOT", toy)
    given = ["--mutants", "99", "--jobs", "2", "--folder", str(tmp_path / "work")]
    assert command.main([*given, "--out", str(tmp_path)]) == 0
    rows = pd.read_csv(tmp_path / "mutation.csv", keep_default_na=False)
    found = dict(zip(rows["change"], rows["outcome"], strict=True))
    assert set(rows["module"]) == {"gradproof.toy"}
    assert found["- return 1 + return 2"] == "no tests"
    assert found["- n -= 1 + n += 1"] == "timeout"
    assert "- while n > 0: + while n >= 0:" not in found, "it is killed: −1 is returned"
    assert "double" not in set(rows["function"]), "its test is in another process"
    assert "shared" not in set(rows["function"]), "another test sets up what is wrong"
    about = json.loads((tmp_path / "mutation.json").read_text())
    assert about["mutants"] == about["score"]["drawn"]
    assert about["score"]["killed"] + len(rows) == about["score"]["drawn"]
    assert "killed of all: " in capsys.readouterr().out
    review = "equivalent: nothing but the toy calls it"
    (tmp_path / "mutation.toml").write_text(
        f'"gradproof.toy unseen - return 1 + return 2" = "{review}"'
    )
    tried = (tmp_path / "work/results.jsonl").read_bytes()
    assert command.main([*given, "--out", str(tmp_path)]) == 0
    assert review in (tmp_path / "mutation.csv").read_text()
    assert (tmp_path / "work/results.jsonl").read_bytes() == tried, "nothing is tried again"


MUTANTS = [Mutant(f"gradproof.toy.x_f__mutmut_{i}", "gradproof.toy", "f", f"- {i}") for i in "1234"]


def test_the_score_counts_what_was_reviewed() -> None:
    outcomes = dict(
        zip((m.key for m in MUTANTS), ("killed", "survived", "timeout", "survived"), strict=True)
    )
    said = {
        "gradproof.toy f - 2": "equivalent: nothing reads it",
        "gradproof.toy f - 3": "endless: the loop does not end",
    }
    left = output.survivors(MUTANTS, outcomes, said)
    assert left["review"].tolist() == [*said.values(), "not reviewed"]
    score = output.score(4, left)
    assert (score["killed"], score["equivalent"]) == (2, 1)
    assert score["by outcome"] == {"survived": 2, "timeout": 1}
    assert score["of all"]["rate"] == 0.5
    assert score["of those that are not equivalent"]["rate"] == pytest.approx(2 / 3)
    assert score["of all"]["low"] < 0.5 < score["of all"]["high"]


@pytest.mark.parametrize("name", command.LEFT_OUT)
def test_what_is_left_out_is_there(name: str) -> None:
    assert (ROOT / "tests" / f"{name}.py").is_file()


@pytest.mark.parametrize("wrong", [["--mutants", "0"], ["--jobs", "0"], ["--seed", "-1"]])
def test_bad_input(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(wrong)
    assert ended.value.code == 2
    assert "from 1 up" in capsys.readouterr().err


def test_every_review_says_what_it_found() -> None:
    for name, review in output.reviews(ROOT / "reports/judge").items():
        assert name.startswith("gradproof.") and len(review) > 20, name
