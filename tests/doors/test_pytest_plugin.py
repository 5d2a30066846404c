"""What the plugin says of the checks that tests make: on the screen, for GitHub, JUnit, as a page.

It runs in a folder where there is nothing but two tests, in one process and in two.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("torch", reason="functions are judged against torch")

from gradproof import pytest_plugin
from gradproof.pytest_plugin import GITHUB, Line
from tests.command import ROOT, python

TESTS = {
    "test_right.py": """
import gradproof, torch

def test_right():
    gradproof.check(torch.sin, torch.sin, (torch.zeros(3),), cases=3)
    gradproof.check(torch.sin, torch.sin, (torch.zeros(2),), cases=2, dtypes=("float32",))

def test_a_training_step():
    class Model(torch.nn.Linear):
        def forward(self, x):
            return (super().forward(x) ** 2).mean()

    def step(parameters, state, batch):
        (x,), w, b = batch, parameters["weight"], parameters["bias"]
        y = x @ w.T + b
        dy = 2 * y / y.size
        after = {"weight": w - 0.1 * dy.T @ x, "bias": b - 0.1 * dy.sum(0)}
        return (y * y).mean(), after, state

    model = Model(2, 1).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    gradproof.check_training(step, model, optimizer, [(torch.ones(3, 2),)] * 2)
""",
    "test_wrong.py": """
import gradproof, torch

class Cosine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.cos(x)

    @staticmethod
    def backward(ctx, dy):
        return dy * torch.sin(ctx.saved_tensors[0])

def test_wrong():
    gradproof.check(Cosine.apply, torch.cos, (torch.zeros(2, 3),))

def test_known_to_be_wrong():
    assert not gradproof.check(Cosine.apply, torch.cos, (torch.zeros(2),), raise_exception=False)

def test_nothing():
    pass
""",
}


@pytest.fixture(params=["1 process", "2 processes"])
def ran(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    several = ["-n", "2"] if request.param == "2 processes" else []
    asked = ["--gradproof-report", "out", "--junitxml", "junit.xml", *several]
    environment = {GITHUB: str(tmp_path / "summary.md")}
    return tmp_path, python(tmp_path, ROOT, "-m", "pytest", *asked, **environment)


def test_a_check_in_a_test_is_enough(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = ran
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout
    assert "1 failed, 4 passed" in said
    assert "Cosine disagrees with PyTorch in the gradient of x" in said
    table = said.partition("gradproof: agreement by layer")[2].splitlines()
    words = {line.split()[0]: line.split() for line in table[2:] if line.strip()}
    assert words["sin"][1:4] == ["5", "10", "0"]
    assert words["sin"][-1] == words["step"][-1] == "agree"
    assert words["Cosine"][-1] == "disagree"
    assert words["step"][1:3] == ["2", "12"]
    assert f"report: {folder / 'out'}/index.html" in said

    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "| layer | cases | arrays | vacuous | worst / bound | verdict |\n| ---" in summary
    assert f"| {' | '.join(words['sin'])} |" in summary

    tests = ET.parse(folder / "junit.xml").iter("testcase")
    found = {
        t.get("name"): {p.get("name"): p.get("value") for p in t.iter("property")} for t in tests
    }
    assert found["test_right"]["gradproof.sin.cases"] in ("3", "2")
    assert found["test_wrong"]["gradproof.Cosine.failed"] == "1"
    assert found["test_known_to_be_wrong"] == found["test_nothing"] == {}

    page = (folder / "out" / "index.html").read_text(encoding="utf-8")
    assert "Cosine" in page
    assert "sin" in page
    cases = list((folder / "out" / "pytest-run" / "counterexamples").iterdir())
    assert {p.suffix for p in cases} == {".npz", ".txt"}


def test_a_line_counts_all_tests_of_a_layer() -> None:
    line = Line()
    numbers: list[dict[str, Any]] = [
        {"cases": 25, "arrays": 100, "worst": 123.4, "vacuous": 3, "failed": 2},
        {"cases": 5, "arrays": 10, "worst": 0.1, "vacuous": 1, "failed": 0},
    ]
    for name, value in (pair for test in numbers for pair in test.items()):
        line.add(name, value)
    assert line.texts() == ("30", "110", "4", "1.2e+02", "disagree")
    assert Line(25, 100, 0.5, 3).texts()[-2:] == ("0.5", "agree")
    assert Line(25, 100, 0.0, 25).texts()[-1] == "vacuous"


def test_the_summary_has_a_line_for_each_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    reporter: Any = SimpleNamespace(
        section=lambda title: said.append(f"== {title}"), write_line=said.append
    )
    config: Any = SimpleNamespace(getoption=lambda _: None)
    monkeypatch.delenv(GITHUB, raising=False)
    lines: dict[str, Line] = {}
    monkeypatch.setattr(pytest_plugin, "_lines", lines)
    pytest_plugin.pytest_terminal_summary(reporter, config)
    assert said == []
    for target, *numbers in (
        ("Tanh", 25, 100, 0.5, 3, 0),
        ("Linear", 25, 100, 0.1, 3, 0),
        ("Linear", 25, 100, 123.4, 3, 2),
        ("Linear", 5, 10, 0.0, 1, 0),
    ):
        given = [(f"gradproof.{target}.{n}", v) for n, v in zip(vars(Line()), numbers, strict=True)]
        report: Any = SimpleNamespace(when="call", user_properties=given)
        pytest_plugin.pytest_runtest_logreport(report)
    pytest_plugin.pytest_terminal_summary(reporter, config)
    assert said == [
        "== gradproof: agreement by layer",
        "layer                   cases  arrays  vacuous  worst / bound  verdict",
        "Linear                     55     210        7        1.2e+02  disagree",
        "Tanh                       25     100        3            0.5  agree",
    ]
    assert lines == {}


def test_a_test_says_of_its_layer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: dict[str, Line] = {}
    monkeypatch.setattr(pytest_plugin, "_lines", lines)
    said = [("other", 1), ("gradproof.block.ln.cases", 3), ("gradproof.block.ln.worst", 0.5)]
    for when in ("setup", "call", "teardown"):
        report: Any = SimpleNamespace(when=when, user_properties=said)
        pytest_plugin.pytest_runtest_logreport(report)
    assert lines == {"block.ln": Line(cases=3, worst=0.5)}
