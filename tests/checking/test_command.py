"""`gradproof check` on the command line: its answer, its JSON, and wrong use."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="layers are judged against torch")


from gradproof import InputError, index, real
from gradproof.checking.command import entry, inputs
from gradproof.cli import main

MODULE = """
import torch

class Cube(torch.autograd.Function):
    factor = 3

    @classmethod
    def forward(cls, ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @classmethod
    def backward(cls, ctx, dy):
        return FACTOR * ctx.saved_tensors[0] ** 2 * dy

def cube(x):
    return x ** 3
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a right and a wrong cube."""
    for name, factor in (("right_cube", "3"), ("wrong_cube", "2")):
        text = MODULE.replace("FACTOR", factor)
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def ask(module: str, *more: str) -> int:
    given = [f"{module}:Cube.apply", "--reference", f"{module}:cube", "--input", "real(4)"]
    return main(["check", *given, "--cases", "10", *more])


def test_its_answer_and_exit_status(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("right_cube") == 0
    assert capsys.readouterr().out.startswith("Cube agrees with PyTorch in 10 cases")
    assert ask("wrong_cube", "--save", "found/cube") == 1
    assert capsys.readouterr().out.startswith("Cube disagrees with PyTorch in the gradient of x")
    assert {path.name for path in (project / "found").iterdir()} == {"cube.npz", "cube.txt"}


@pytest.mark.usefixtures("project")
def test_json_says_what_where_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("wrong_cube", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["name"], said["agrees"]) == (1, "Cube", False)
    assert said["checks"] == {"y": "agree", "x": "disagree", "conduct": "agree"}
    found = said["disagreement"]
    assert found["quantity"] == "x"
    assert found["votes"]["verdict"] == "the backward pass is wrong"
    assert found["manual"] / found["reference"] == pytest.approx(2 / 3)
    assert "0.666" in found["cause"] or "2/3" in found["cause"] or "factor" in found["cause"]
    assert ask("right_cube", "--json") == 0
    assert json.loads(capsys.readouterr().out)["disagreement"] is None


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere:f"], "nowhere cannot be imported: ModuleNotFoundError"),
        (["right_cube"], "'right_cube' names nothing; write package.module:name"),
        (["right_cube:missing"], "right_cube has no missing"),
        (["right_cube:cube", "--input", "real(4"], "'real(4' is no input"),
        (["right_cube:cube", "--input", "open('x')"], "there are real, positive"),
        (["right_cube:cube"], "there are no inputs"),
    ],
)
def test_wrong_use_is_told_with_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--reference", "right_cube:cube", *arguments]) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1


def test_inputs_are_read_and_not_run() -> None:
    assert entry("x = real(4, 8)") == ("x", real(4, 8))
    assert inputs(["real(2)", "index(3, 4, low=1)"]) == (real(2), index(3, 4, low=1))
    assert inputs(["a=real(2)", "b=real(3)"]) == {"a": real(2), "b": real(3)}
    with pytest.raises(InputError, match="a name of its own"):
        inputs(["a=real(2)", "real(3)"])
    with pytest.raises(InputError, match="is no input"):
        entry("real(__import__('os').getpid())")
