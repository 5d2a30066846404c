"""`gradproof check FILE`: many checks, of which none ends the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="layers are judged against torch")


import gradproof
from gradproof.checking.record import subject_of
from gradproof.cli import main

FILE = """
import os, time
import numpy as np, torch
from gradproof import Check, real, vjp

def tanh(factor):
    def f(x):
        t = np.tanh(x)
        return t, lambda dy: (factor * dy * (1 - t * t),)
    return vjp(f)

def hangs(x):
    while True:
        time.sleep(1)

def exits(x):
    return np.tanh(x), lambda dy: os._exit(3)

def raises(x):
    raise ValueError("not today")

checks = {
    "right": Check(tanh(1), torch.tanh, real(2, 3)),
    "doubled": Check(tanh(2), torch.tanh, real(2, 3)),
    "hangs": Check(vjp(hangs), torch.tanh, real(2, 3)),
    "exits": Check(vjp(exits), torch.tanh, real(2, 3)),
    "raises": Check(vjp(raises), torch.tanh, real(2, 3)),
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_checks.py"
    path.write_text(FILE, encoding="utf-8")
    return path


def asked(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    status = main(["check", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_each_check_has_its_answer(file: Path, tmp_path: Path, capsys: Any) -> None:
    saved = tmp_path / "saved"
    options = ["--cases", "5", "--limit", "15", "--save", str(saved), "--json"]
    status, out, _ = asked(capsys, str(file), *options)
    said = {answer["name"]: answer for answer in json.loads(out)}
    assert status == 1
    assert said["right"]["agrees"]
    assert said["doubled"]["verdict"] == "disagree"
    assert "averaged" in said["doubled"]["message"] or "2" in said["doubled"]["message"]
    assert "longer than 15 s" in said["hangs"]["unjudged"]
    assert said["exits"]["verdict"] == "error"
    assert "its process ended" in said["exits"]["message"]
    assert "not today" in said["raises"]["unjudged"]
    assert (saved / "doubled.npz").is_file()


def test_some_of_them_and_the_table(file: Path, capsys: Any) -> None:
    status, out, _ = asked(capsys, str(file), "--cases", "5", "--only", "right")
    assert status == 0
    assert "1 of 1 agree with PyTorch" in out
    status, out, _ = asked(capsys, str(file), "--cases", "5", "--only", "right,raises")
    assert status == 2
    assert "raises was not judged: func cannot take raises()" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{file}", "--only", "wrong"], "has no check wrong; it has right, doubled"),
        (["{file}:others"], "has no others = {name: gradproof.Check("),
        (["{file}:right"], "right is one of the checks of {file}; write {file} --only right"),
        (["nowhere.py"], "there is no file nowhere.py"),
        (["{file}", "--input", "real(2)"], "--input goes with --reference"),
    ],
)
def test_one_sentence_for_wrong_use(
    arguments: list[str], said: str, file: Path, capsys: Any
) -> None:
    status, out, err = asked(capsys, *(a.format(file=file) for a in arguments))
    assert (status, out) == (2, "")
    assert said.replace("{file}", str(file)) in err
    assert err.count("\n") == 1


def test_a_check_has_a_name_of_one_word() -> None:
    import torch

    given = gradproof.Check(torch.tanh, torch.tanh, gradproof.real(2))
    with pytest.raises(gradproof.InputError, match="letters, digits and _"):
        subject_of({"two words": given})
    assert set(subject_of({"tanh": given}).layers) == {"tanh"}


def test_a_saved_case_is_judged_again(capsys: Any, file: Path, tmp_path: Path) -> None:
    saved = tmp_path / "found"
    assert asked(capsys, str(file), "--only", "doubled", "--save", str(saved))[0] == 1
    status, out, _ = asked(capsys, str(file), "--case", str(saved / "doubled.npz"))
    assert status == 1
    assert out.startswith("doubled disagrees with PyTorch in the gradient of x")
