"""The judge on trial: rows are kept and taken up again, and the files say how it went."""

from __future__ import annotations

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
from gradproof.mutation.study_report import MISNAMED, markdown, summary
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
KEPT = "reports/judge/rows/mutants-0.jsonl"
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


def outcomes(folder: Path, group: str) -> dict[str, str]:
    """By name, as the journal has them."""
    return {row.name: row.outcome for row in study.read(folder / KEPT) if row.group == group}


def counts_of(folder: Path) -> dict[str, Any]:
    about = json.loads((folder / "reports/judge/mutants.json").read_text(encoding="utf-8"))
    return {group: about["counts"][group]["bugs"] for group in about["counts"]}


def refuse(*_: Any) -> Any:
    raise AssertionError("there is nothing left to hunt")
    yield


def test_a_trial_is_written_and_goes_on_where_it_was_left(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutants", "--jobs", "1"]) == 0
    assert outcomes(small, "catalogue") == {"sign": "killed"}
    assert outcomes(small, "harmless") == {"one": "harmless"}
    (sign,) = (row for row in study.read(small / KEPT) if row.name == "sign")
    assert (sign.layer_right, sign.cause_named, sign.cause_right) == (True, "sign", True)
    assert sign.shrunk_size is not None and sign.shrunk_size >= 1
    about = json.loads((small / "reports/judge/mutants.json").read_text(encoding="utf-8"))
    assert about["passed"] and about["complete"] and about["failures"] == []
    made = len(outcomes(small, "automatic"))
    assert counts_of(small) == {"automatic": made, "catalogue": 1, "harmless": 1}
    assert sum(t["bugs"] for t in about["automatic by origin"].values()) == made > 10
    assert about["by cause"]["sign"]["cause"] == about["by cause"]["sign"]["layer"]
    assert sorted(f.name for f in (small / "reports/judge").iterdir()) == [
        "mutants.json",
        "mutants.md",
        "rows",
    ]
    text = (small / "reports/judge/mutants.md").read_text(encoding="utf-8")
    assert "## Automatic bugs by the slip of the hand" in text
    assert "rows/mutants-0.jsonl" in text
    assert "passed" in capsys.readouterr().out

    kept = small / KEPT
    with kept.open("a", encoding="utf-8") as file:
        file.write('{"name": "half a li')
    monkeypatch.setattr(study, "parallel", refuse)
    assert main(["mutants", "--jobs", "1", "--only", "catalogue"]) == 0
    assert set(counts_of(small)) == {"catalogue", "harmless"}

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
    found = outcomes(small, "catalogue")
    assert found.pop("sign") == "killed"
    assert set(found.values()) == {outcome}
    about = json.loads((small / "reports/judge/mutants.json").read_text(encoding="utf-8"))
    assert [f["outcome"] for f in about["failures"]] == [outcome]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--layers", "Tanhh"], "unknown layer 'Tanhh'; did you mean Tanh?"),
        (["--seed", "x"], "expected a whole number, 0 or more"),
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


def test_of_the_causes_named_wrongly_the_first_are_listed() -> None:
    wrong = [replace(ROW, name=f"bug {i}", cause_right=False) for i in range(MISNAMED + 2)]
    about = summary(wrong, 0) | {"environment": {"commit": "abc", "cpu": "a processor"}}
    text = markdown(wrong, about)
    assert f"`bug {MISNAMED - 1}`" in text and f"`bug {MISNAMED}`" not in text
    assert text.endswith("\n\nAnd 2 more.\n")
