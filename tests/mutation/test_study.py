"""The judge on trial: rows are kept and taken up again, and the files say how it went."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="bugs are hunted against torch")

from gradproof.cli import main
from gradproof.mutation import study
from gradproof.mutation.generate import automatic
from gradproof.mutation.score import CAUSES, LEAST, Row, names, passed, tally
from tests.command import project
from tests.planted import SUBJECT

SMALL = """
from dataclasses import replace

from gradproof.mutation.bug import Bug
from manual.layers.activation_sigmoid import Tanh
from tests.subject import subject as whole

BACKWARD = "manual.layers.activation_sigmoid:Tanh.backward"
SIGN = Bug("sign", "Tanh", BACKWARD, "1 - y * y", "y * y - 1", cause="sign")
ONE = Bug("one", "Tanh", BACKWARD, "dy * (", "1 * dy * (")
DIES = Bug("dies", "Tanh", BACKWARD, "dy * (", "__import__('os')._exit(3) * (")


def subject(*bugs):
    rules = {Tanh: whole().rules[Tanh]}
    less = replace(whole(), rules=rules, net=None, optimizers={}, survivors=lambda: {})
    return replace(less, bugs=lambda: bugs or (SIGN,), harmless=lambda: [(ONE, "a factor of 1")])


def deadly():
    return subject(SIGN, DIES)


def harmless():
    return subject(SIGN, ONE)
"""
ROW = Row(
    **dict.fromkeys(
        ("name", "kind", "function", "old", "new", "group", "origin", "quantities"), ""
    ),
    cause_planted="",
    outcome="killed",
    examples=1,
    seconds=0.0,
    layer_named="Tanh",
    layer_right=True,
    cause_named="",
    cause_right=None,
    network_layer="",
    network_layer_right=None,
    shrunk_size=None,
    reason="",
    key="",
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = project(tmp_path / "project", "small:subject")
    (folder / "small.py").write_text(SMALL, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    monkeypatch.delitem(sys.modules, "small", raising=False)
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "reports/judge/mutants.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refuse(*_: Any) -> Any:
    raise AssertionError("there is nothing left to hunt")
    yield


def test_a_trial_is_written_and_goes_on_where_it_was_left(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutants", "--jobs", "1"]) == 0
    rows = rows_of(small)
    assert [r["outcome"] for r in rows if r["group"] == "catalogue"] == ["killed"]
    assert [r["outcome"] for r in rows if r["group"] == "harmless"] == ["harmless"]
    (sign,) = (r for r in rows if r["name"] == "sign")
    assert (sign["layer_right"], sign["cause_named"], sign["cause_right"]) == (
        "True",
        "sign",
        "True",
    )
    assert int(sign["shrunk_size"]) >= 1
    automatic_rows = [r for r in rows if r["group"] == "automatic"]
    assert len(automatic_rows) > 10
    about = json.loads((small / "reports/judge/mutants.json").read_text(encoding="utf-8"))
    assert about["passed"] and about["complete"]
    assert about["counts"]["automatic"]["bugs"] == len(automatic_rows)
    text = (small / "reports/judge/mutants.md").read_text(encoding="utf-8")
    assert "## Automatic bugs by the slip of the hand" in text
    assert "a factor of 1" in text
    assert "passed" in capsys.readouterr().out

    kept = small / "reports/judge/.mutants-0.jsonl"
    with kept.open("a", encoding="utf-8") as file:
        file.write('{"name": "half a li')
    monkeypatch.setattr(study, "parallel", refuse)
    assert main(["mutants", "--jobs", "1", "--only", "catalogue"]) == 0
    assert {r["group"] for r in rows_of(small)} == {"catalogue", "harmless"}

    lines = kept.read_text(encoding="utf-8").splitlines()
    kept.write_text("\n".join(line for line in lines if '"name": "sign"' not in line) + "\n")
    assert main(["mutants", "--jobs", "1"]) == 2
    monkeypatch.setattr(study, "_state_of_the_code", lambda root: "changed since")
    assert main(["mutants", "--jobs", "1"]) == 2
    assert "nothing left to hunt" in capsys.readouterr().err


@pytest.mark.parametrize(("which", "outcome"), [("deadly", "timeout"), ("harmless", "equivalent")])
def test_what_is_not_killed_fails_the_trial(small: Path, which: str, outcome: str) -> None:
    (small / "pyproject.toml").write_text(f'[tool.gradproof]\nsubject = "small:{which}"\n')
    assert main(["mutants", "--jobs", "1", "--only", "catalogue"]) == 1
    found = {r["name"]: r["outcome"] for r in rows_of(small) if r["group"] == "catalogue"}
    assert found.pop("sign") == "killed"
    assert set(found.values()) == {outcome}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--layers", "Tanhh"], "unknown layer 'Tanhh' in LAYERS; did you mean Tanh?"),
        (["--seed", "x"], "a whole number from 0 is expected"),
        (["--only", "some"], "invalid choice"),
    ],
)
def test_what_cannot_run_says_why(
    small: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    try:
        status: Any = main(["mutants", *arguments])
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert said in capsys.readouterr().err


def test_every_reason_is_of_a_bug_that_there_is() -> None:
    assert SUBJECT.survivors is not None
    stale = set(SUBJECT.survivors()) - {bug.name for bug in automatic(SUBJECT)}
    assert not stale, f"tests/survivors.toml names {', '.join(sorted(stale))}; remove them"


def test_automatic_bugs_state_causes_that_can_be_named() -> None:
    assert {bug.cause for bug in automatic(SUBJECT)} - {""} <= set(CAUSES)


@pytest.mark.parametrize(
    ("cause", "quantity", "said", "right"),
    [
        ("sign", "x", "sign and factor 2", True),
        ("sign", "x", "factor 2", False),
        ("mean", "x", "factor 2 (the length of axis 0 of x: a mean is missing?)", True),
        ("accumulate", "x", "a value used twice (h1) keeps only its first use's: = for +=", True),
        ("state", "p0.exp_avg", "not recognised", True),
        ("state", "p0", "not recognised", False),
        ("transpose", "x", "its shape is (1, 2); it should be (2, 1): transposed", True),
    ],
)
def test_a_cause_is_named_by_words(cause: str, quantity: str, said: str, right: bool) -> None:
    assert names(cause, quantity, said) is right


def test_the_goal() -> None:
    killed = [replace(ROW, group="automatic")] * 99
    survived = replace(ROW, group="automatic", outcome="survived", layer_right=None)
    equivalent = replace(survived, outcome="equivalent")
    assert tally("", [*killed, survived, equivalent]).rate == LEAST
    assert passed([*killed, survived, equivalent])
    assert not passed([*killed, survived, survived])
    assert not passed([replace(equivalent, group="catalogue")])
    assert not passed([replace(ROW, group="harmless", outcome="false alarm")])
