"""The judge under pytest: what every check found, in one table.

`gradproof.check`, `check_module` and `check_training` are counted wherever a test calls them. In a
project with a subject, the fixture `judged` makes the checks of `gradproof verify`, one test per
layer, and fails with the full explanation of the shrunk case. A table is printed at the end, and
written where GitHub shows it. JUnit's file has the numbers as properties, and with
``--gradproof-report FOLDER`` the report of all cases is made in that folder.

Slow modules are imported late: pytest loads this one at every start.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gradproof.checking.listeners import heard_by
from gradproof.storage.part_file import FOLDERS, make_folders

PREFIX = "gradproof."
GITHUB = "GITHUB_STEP_SUMMARY"
"""Names the file in which GitHub Actions looks for a step's summary."""
HEADINGS = ("layer", "cases", "arrays", "vacuous", "worst / bound", "verdict")


@dataclass
class Line:
    """What is known of one layer; `worst` is the largest error in units of its bound."""

    cases: int = 0
    arrays: int = 0
    worst: float = 0.0
    vacuous: int = 0
    failed: int = 0

    def add(self, name: str, value: Any) -> None:
        """Count one number of a test."""
        before = getattr(self, name)
        setattr(self, name, max(before, value) if name == "worst" else before + value)

    def texts(self) -> tuple[str, ...]:
        """What stands under the headings, after the name."""
        seen = "agree" if self.vacuous < self.cases else "vacuous"
        verdict = "disagree" if self.failed else seen
        return str(self.cases), str(self.arrays), str(self.vacuous), f"{self.worst:.2g}", verdict


_lines: dict[str, Line] = {}
"""By layer: of every finished test, in this process or in xdist's workers."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("gradproof")
    group.addoption(
        "--gradproof-report", type=Path, help="folder for the report of all cases, and their rows"
    )
    group.addoption(
        "--gradproof-cases", type=int, default=25, help="cases that `judged` draws in each test"
    )
    group.addoption(
        "--gradproof-seed", type=int, default=0, help="the same seed draws the same cases"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Forget the rows of an earlier session."""
    if _first_process(config) and (folder := _rows(config)) is not None:
        for name in FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)


@pytest.fixture
def judged(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    """judged(source, target, count=None): draw and judge; source is layer, network or optimizer."""
    from gradproof.campaign.task import Task
    from gradproof.campaign.worker import run_task

    config = request.config

    def judge(source: str, target: str, count: int | None = None) -> None:
        folder = _rows(config) or tmp_path
        make_folders(folder)
        number = count or config.getoption("--gradproof-cases")
        task = Task(source, target, number, config.getoption("--gradproof-seed"))
        done = run_task(config.rootpath, folder, folder.name, task)
        line = Line(
            done.examples,
            done.arrays,
            done.worst,
            done.verdicts.get("vacuous", 0),
            done.failed,
        )
        _record(request.node, target, vars(line))
        texts = [(folder / w).with_suffix(".txt").read_text() for w in done.counterexamples]
        if line.failed:
            pytest.fail("\n\n".join(texts) or f"{target} disagrees: {done.verdicts}", pytrace=False)

    return judge


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count the checks that the test makes, but for a disagreement that it expects."""
    verdicts: list[Any] = []
    passed = False
    try:
        with heard_by(verdicts.append):
            made = yield
        passed = True
        return made
    finally:
        for number, verdict in enumerate(verdicts):
            if verdict or not passed:
                _keep(item, verdict, number)


def _keep(item: pytest.Item, verdict: Any, number: int) -> None:
    _record(item, verdict.name, verdict.counts)
    folder = _rows(item.config)
    if folder is not None and hasattr(verdict, "judgements"):  # training has no such rows
        from gradproof.checking.rows import write_rows

        write_rows(verdict, folder, f"{item.nodeid} {number}")


def _record(item: Any, layer: str, numbers: dict[str, Any]) -> None:
    """Keep the numbers as properties of the test, which reach JUnit's file and this process."""
    item.user_properties += [(f"{PREFIX}{layer}.{name}", n) for name, n in numbers.items()]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the result of a finished test."""
    if report.when == "call":
        for name, value in report.user_properties:
            if name.startswith(PREFIX):
                layer, _, number = name.removeprefix(PREFIX).rpartition(".")
                _lines.setdefault(layer, Line()).add(number, value)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print one line per layer, write them where GitHub shows them, and make the report."""
    lines = [(layer, *line.texts()) for layer, line in sorted(_lines.items())]
    _lines.clear()
    if not lines:
        return
    terminalreporter.section("gradproof: agreement by layer")
    for name, *numbers, verdict in (HEADINGS, *lines):
        cells = "".join(f"{n:>{w}}" for n, w in zip(numbers, (7, 8, 9, 15), strict=True))
        terminalreporter.write_line(f"{name:<22}{cells}  {verdict}")
    if GITHUB in os.environ:
        rows = [HEADINGS, ("---", *["---:"] * 4, "---"), *lines]
        with Path(os.environ[GITHUB]).open("a", encoding="utf-8") as summary:
            summary.write("### gradproof: agreement by layer\n\n")
            summary.writelines(f"| {' | '.join(row)} |\n" for row in rows)
    if _first_process(config) and (folder := _rows(config)) is not None and folder.is_dir():
        out = _report(
            config, folder, "disagree" if any("disagree" in r for r in lines) else "agree"
        )
        terminalreporter.write_line(f"report: {out}/index.html")


def _rows(config: pytest.Config) -> Path | None:
    """The folder of the rows, if a report is asked for."""
    out: Path | None = config.getoption("--gradproof-report")
    return None if out is None else (config.invocation_params.dir / out).resolve() / "pytest-run"


def _first_process(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")  # which xdist gives to its workers


def _report(config: pytest.Config, folder: Path, verdict: str) -> Path:
    from gradproof import report
    from gradproof.storage.atomic import now, write_json
    from gradproof.storage.environment import environment

    about = {
        "run": folder.name,
        "finished": now(),
        "verdict": verdict,
        "environment": environment(config.rootpath),
    }
    write_json(folder / "run.json", about)
    report.write(folder, folder.parent)
    return folder.parent
