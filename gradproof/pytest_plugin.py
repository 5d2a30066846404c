"""The judge under pytest: the same checks as `gradproof verify`, one test per layer.

The fixture `judged` draws cases, judges them and fails with the full explanation of the shrunk
case. With ``--gradproof-rows`` its rows are written to that folder, from which `gradproof report`
makes the report. A table of the layers is printed at the end.

Slow modules are imported late: pytest loads this one at every start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest


@dataclass
class Line:
    """What is known of one layer; `worst` is the largest error in units of its bound."""

    cases: int = 0
    arrays: int = 0
    worst: float = 0.0
    vacuous: int = 0
    failed: int = 0


_finished: list[tuple[str, dict[str, Any]]] = []
"""(layer, fields of its Line) of every judged test, in this process or in xdist's workers."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("gradproof")
    group.addoption(
        "--gradproof-rows",
        type=Path,
        help="folder for the rows of all comparisons (for gradproof report)",
    )
    group.addoption("--gradproof-cases", type=int, default=25, help="cases to draw in each test")
    group.addoption(
        "--gradproof-seed", type=int, default=0, help="the same seed draws the same cases"
    )


@pytest.fixture
def judged(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    """judged(source, target, count=None): draw and judge; source is layer, network or optimizer."""
    from gradproof.campaign.task import Task
    from gradproof.campaign.worker import run_task

    config = request.config

    def judge(source: str, target: str, count: int | None = None) -> None:
        rows = config.getoption("--gradproof-rows")
        folder = Path(rows or tmp_path).resolve()
        for part in ("parts", "counterexamples"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        number = count or config.getoption("--gradproof-cases")
        task = Task(source, target, number, config.getoption("--gradproof-seed"))
        done = run_task(config.rootpath, folder, folder.name, task)
        line = Line(
            done.examples,
            done.arrays,
            done.worst,
            done.verdicts.get("vacuous", 0),
            sum(done.verdicts.get(v, 0) for v in ("disagree", "error")),
        )
        request.node.user_properties.append(("gradproof", (target, vars(line))))
        texts = [(folder / w).with_suffix(".txt").read_text() for w in done.counterexamples]
        if line.failed:
            pytest.fail("\n\n".join(texts) or f"{target} disagrees: {done.verdicts}", pytrace=False)

    return judge


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the result of a finished test."""
    if report.when == "call":
        for name, value in report.user_properties:
            if name == "gradproof":
                _finished.append(cast("tuple[str, dict[str, Any]]", value))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one line per layer."""
    if not _finished:
        return
    lines: dict[str, Line] = {}
    for target, values in _finished:
        line = lines.setdefault(target, Line())
        line.cases += values["cases"]
        line.arrays += values["arrays"]
        line.worst = max(line.worst, values["worst"])
        line.vacuous += values["vacuous"]
        line.failed += values["failed"]
    _finished.clear()
    terminalreporter.section("gradproof: agreement by layer")
    terminalreporter.write_line(
        f"{'layer':<22}{'cases':>7}{'arrays':>8}{'vacuous':>9}{'worst / bound':>15}  verdict"
    )
    for target, line in sorted(lines.items()):
        verdict = "disagree" if line.failed else "agree"
        terminalreporter.write_line(
            f"{target:<22}{line.cases:>7}{line.arrays:>8}{line.vacuous:>9}{line.worst:>15.2g}"
            f"  {verdict}"
        )
