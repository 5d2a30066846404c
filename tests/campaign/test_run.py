"""A run draws what its seed says, however many workers judge it, and 1 says that it disagrees."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="a run judges against torch")

from gradproof.campaign import plan, run, summary
from gradproof.campaign.example_row import example_row
from gradproof.campaign.search import judged
from gradproof.campaign.task import Done, Task
from gradproof.campaign.worker import examined, run_task
from gradproof.cases.case import Case
from gradproof.storage.rows import Example
from manual.layers.activation_sigmoid import Tanh
from tests.command import ROOT, main, project, python
from tests.planted import SUBJECT

SECONDS = {"seconds_draw", "seconds_manual", "seconds_reference", "seconds_judge"}

WRONG = '''
from gradproof.subject.entries import CaseRules, real, spec
from gradproof.subject.subject import Subject
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layer import Real
from reference.twin import twin

class Negated(Tanh):
    """tanh with a sign error."""
    def backward(self, saved, dy):
        return {n: -g for n, g in super().backward(saved, dy).items()}

class Refusing(Sigmoid):
    """The sigmoid, of matrices alone."""
    def forward(self, x: Real):
        if x.ndim != 2:
            raise ValueError("two axes, please")
        return super().forward(x)

rules = CaseRules()
for kind in (Negated, Refusing):
    rules(kind)(lambda draw, x, kind=kind: spec(kind(), x=real(*x)))

def subject():
    return Subject("wrong", rules=rules, twin=twin)
'''


@cache
def networks(seed: int, count: int) -> tuple[tuple[Case, Example], ...]:
    """Drawn networks, with what the report says of them."""
    task = Task("network", "Net", count, seed)
    found = []
    for drawn in judged(SUBJECT, task, shrink=False):
        row = example_row("", "", "network", drawn.judgement, drawn.clock)
        found.append((drawn.judgement.case, row))
    return tuple(found)


def digests(seed: int, count: int) -> list[str]:
    return [case.digest for case, _ in networks(seed, count)]


def test_the_seed_decides_what_is_drawn() -> None:
    first = digests(0, 300)
    assert len(set(first)) == 300
    again = [d.case.digest for d in judged(SUBJECT, Task("network", "Net", 20, 0), shrink=False)]
    assert again == first[:20]
    simplest = 3  # a few are so small that any seed draws them
    assert len({*digests(2, 20)} & {*first}) <= simplest


def test_what_is_drawn_does_not_depend_on_what_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn() -> list[str]:
        task = Task("layer", "Identity", 40, 5)
        return [drawn.case.digest for drawn in judged(SUBJECT, task, shrink=False)]

    before = drawn()
    numbers = ", ".join(str(1000 + 37 * i) for i in range(500))
    (tmp_path / "many_numbers.py").write_text(f"NUMBERS = [0, 1, 2, {numbers}]")
    monkeypatch.syspath_prepend(tmp_path)
    import_module("many_numbers")
    try:
        assert drawn() == before
    finally:
        del sys.modules["many_numbers"]


def test_the_networks_are_of_every_form() -> None:
    drawn = networks(0, 300)
    depths = Counter(example.depth for _, example in drawn)
    assert {*depths} >= {*range(1, 13)}
    features = Counter(name for _, example in drawn for name in example.features.split())
    assert {*features} == {"fan-out", "residual", "tied", "multi-output", "nested"}
    assert min(features.values()) >= 5, features
    dtypes = Counter(example.dtype for _, example in drawn)
    assert {*dtypes} == {"float32", "float64"} and min(dtypes.values()) >= 60, dtypes
    layouts = Counter(case.layout for case, _ in drawn)
    assert len(layouts) == 4 and min(layouts.values()) >= 15, layouts


def test_few_networks_are_vacuous_and_none_disagrees() -> None:
    verdicts = Counter(example.verdict for _, example in networks(0, 300))
    assert verdicts["vacuous"] < 0.05 * 300, verdicts
    assert {*verdicts} <= {"agree", "vacuous"}


@contextmanager
def silent(_: int) -> Iterator[Callable[[Done], None]]:
    yield lambda done: None


def rows(run: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every row of a run, sorted, without its name and timings."""
    found = []
    for part in run.glob("parts/*.jsonl"):
        names, *values = map(json.loads, part.read_text(encoding="utf-8").splitlines())
        leave = SECONDS | {"run"}
        for row in values:
            kept = {n: v for n, v in zip(names, row, strict=True) if n not in leave}
            found.append((part.name, kept))
    return sorted(found, key=repr)


def test_the_rows_do_not_depend_on_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "SHARD", 6)
    root = project(tmp_path / "project")
    options = plan.Options("quick", examples=16, seed=3, layers=("Net", "SGD"), jobs=2)
    two, about = run.run(root, SUBJECT, options, silent)
    assert about["verdict"] == "agree" and about["finished"]
    assert about["counts"]["networks"] == 16
    assert about["pace"]["networks"] == 16 and about["pace"]["processes"] == 2
    assert 0 < about["pace"]["seconds"] < about["seconds"]["judging"]

    one = tmp_path / "one"
    (one / "parts").mkdir(parents=True)
    tasks = plan.plan(SUBJECT, options)
    assert [t.count for t in tasks if t.source == "network"] == [6, 6, 4]
    done = [run_task(root, one, "one", task) for task in reversed(tasks)]
    assert rows(two) == rows(one)
    counted = summary.summarise(done)
    assert json.dumps(counted) == json.dumps({name: about[name] for name in counted})


def test_the_pace_is_from_the_first_networks_beginning_to_the_last_ones_end() -> None:
    def done(source: str, examples: int, *span: float) -> Done:
        return Done(Task(source, "Net", examples, 0), examples=examples, span=span)

    networks = [done("network", 20, 3.0, 9.0), done("network", 10, 4.0, 7.0)]
    others = [done("layer", 100, 0.0, 2.0), done("layer", 100, 6.0, 20.0)]
    assert summary.pace(others, 2) == {}
    pace = summary.pace([*networks, *others], 2)["pace"]
    assert pace == {"networks": 30, "seconds": 6.0, "processes": 2, "networks_per_minute": 300.0}


def test_too_many_vacuous_networks_are_no_agreement() -> None:
    def verdict(vacuous: int, drawn: int) -> Any:
        counts = {"agree": drawn - vacuous, "vacuous": vacuous}
        done = Done(Task("network", "Net", drawn, 0), examples=drawn, verdicts=counts)
        return summary.summarise([done])["verdict"]

    assert verdict(1050, 20000) == "agree"
    assert verdict(1100, 20000) == "disagree"
    assert verdict(2, 24) == "agree", "two of few networks may be chance"
    assert verdict(24, 24) == "disagree"


def test_a_disagreement_is_said_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(tmp_path / "project", "wrong_subject:subject")
    (folder / "wrong_subject.py").write_text(WRONG)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "wrong_subject", raising=False)
    try:
        assert main(["verify", "--profile", "quick", "--jobs", "1"]) == 1
        out, _ = capsys.readouterr()
        assert "Negated disagrees with PyTorch in the gradient of x" in out
        assert "Refusing" in out and "two axes, please" in out
        commands = [
            line.split("gradproof ", 1)[1] for line in out.splitlines() if "  again" in line
        ]
        assert len(commands) == 2
        for command in commands:
            assert main(shlex.split(command)) == 1
            assert f"gradproof {command}" in capsys.readouterr().out
    finally:
        sys.modules.pop("wrong_subject", None)
    report = (folder / "reports/latest/REPORT.md").read_text(encoding="utf-8")
    assert "disagree" in report and "Negated" in report


def test_a_run_may_stop_at_the_first_fault(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", "wrong_subject:subject")
    (folder / "wrong_subject.py").write_text(WRONG)
    asked = ["verify", "--profile", "quick", "--jobs", "1", "--fail-fast"]
    done = python(folder, ROOT, "-m", "gradproof", *asked)
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("disagrees with PyTorch") + done.stdout.count("two axes, please") == 1
    assert "stopped at the first fault, as --fail-fast asks" in done.stdout
    (about,) = (json.loads(p.read_text()) for p in folder.glob("reports/runs/*/run.json"))
    assert not about["finished"]
    assert about["counts"]["layer cases"] < 20


def test_a_network_is_written_down_in_its_smallest_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Tanh.backward
    monkeypatch.setattr(Tanh, "backward", lambda *given: {n: -g for n, g in right(*given).items()})
    for source, target, cases in (("network", "Net", 80), ("layer", "Tanh", 3)):
        done = Done(Task(source, target, cases, 0))
        found = list(examined(SUBJECT, tmp_path, done))
        wrong = [(drawn, counterexample) for drawn, counterexample in found if counterexample]
        assert done.examples == len(found) == cases
        assert done.arrays == sum(len(drawn.judgement.findings) for drawn, _ in found)
        assert done.verdicts["disagree"] >= len(wrong) == 1 and sum(done.verdicts.values()) == cases
        ((drawn, counterexample),) = wrong
        assert done.counterexamples == [counterexample] and counterexample.startswith(
            "counterexamples/Tanh-x-"
        )
        said = (tmp_path / counterexample).with_suffix(".txt").read_text(encoding="utf-8")
        steps = len(getattr(drawn.case.layer, "steps", ()))
        assert ("shrunk from" in said) == (steps > 1)
        assert steps < 2 or f"shrunk from {steps} layers" in said
    assert steps == 0


def test_the_worst_error_of_a_task(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    done = run_task(project(tmp_path / "project"), tmp_path, "r", Task("layer", "Sigmoid", 9, 0))
    table = (tmp_path / "parts/agreement-layer-Sigmoid-0.jsonl").read_text().splitlines()
    names, *values = map(json.loads, table)
    found = [dict(zip(names, row, strict=True)) for row in values]
    assert done.worst == max(row["worst_ratio"] for row in found if row["verdict"] == "agree")
    assert {row["run"] for row in found} == {"r"} and {row["network"] for row in found} == {""}
    assert {row["example"] for row in found} == {f"layer-Sigmoid-0-{i}" for i in range(9)}
    begun, ended = done.span
    assert 0 < begun < ended


def test_a_disagreement_that_does_not_come_back_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = Tanh.forward, []

    def once_wrong(self: Tanh, x: Any) -> Any:
        y, saved = right(self, x)
        if x.size > 5 and not wrong:
            wrong.append(y + 1)
            return wrong[0], saved
        return y, saved

    monkeypatch.setattr(Tanh, "forward", once_wrong)
    done = Done(Task("layer", "Tanh", 20, 0))
    (counterexample,) = (w for _, w in examined(SUBJECT, tmp_path, done) if w)
    assert done.verdicts["disagree"] == 1
    said = (tmp_path / counterexample).with_suffix(".txt").read_text(encoding="utf-8")
    assert "not reproducible: hidden randomness" in " ".join(said.split())
