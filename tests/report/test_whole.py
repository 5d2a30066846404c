"""Two small made-up reports as a whole: all that is computed for them, and their Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.errors import InputError
from gradproof.report import output, training
from gradproof.report.load import load
from gradproof.report.markdown import render
from gradproof.report.section import Section
from gradproof.report.view import view
from gradproof.storage.rows import Agreement
from tests.golden import unchanged
from tests.report_run import RUN, make_run

KINDS = ("Linear", "GELU", "LogSumExp", "Tanh")


def told(name: str, value: Any, indent: str = "") -> Iterator[str]:
    """A value line by line, down to its numbers; these to nine digits."""
    deeper = indent + "  "
    if is_dataclass(value) and not isinstance(value, type):
        yield f"{indent}{name}: {type(value).__name__}"
        for field in fields(value):
            yield from told(field.name, getattr(value, field.name), deeper)
    elif isinstance(value, dict):
        yield f"{indent}{name}: {len(value)} entries"
        for key, entry in value.items():
            yield from told(str(key), entry, deeper)
    elif isinstance(value, list | tuple) and any(map(is_dataclass, value)):
        yield f"{indent}{name}: {len(value)}"
        for entry in value:
            yield from told("-", entry, deeper)
    else:
        text = re.sub(r"\d+\.\d{9,}(e[+-]\d+)?", lambda n: f"{float(n[0]):.9g}", repr(value))
        yield f"{indent}{name}: {text}"


def whole(run: Path, *sections: Section) -> str:
    shown = view(load(run), sections, ("a.csv", "b.csv"))
    return "\n".join(told("view", shown)) + "\n\n" + render(shown)


def edit(run: Path, table: str, example: str, **changed: Any) -> None:
    """Change the rows of an example."""
    for path in (run / "parts").glob(f"{table}-*"):
        head, *rows = map(json.loads, path.read_text("utf-8").splitlines())
        for row in rows:
            if row[head.index("example")] == example:
                for name, value in changed.items():
                    row[head.index(name)] = value
        path.write_text("".join(json.dumps(r) + "\n" for r in (head, *rows)), "utf-8")


def amend(run: Path, **entries: Any) -> None:
    info = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps(info | entries), encoding="utf-8")


@pytest.fixture(autouse=True)
def no_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "find_spec", lambda name: None)


def test_a_right_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, networks=5, steps=3, optimizers=1, kinds=KINDS)
    edit(run, "agreement", "Tanh-0", verdict="convention", cause="one side of a kink")
    edit(run, "agreement", "Tanh-1", verdict="convention", cause="another side")
    edit(run, "agreement", "GELU-0", verdict="vacuous", cause="")
    edit(run, "agreement", "GELU-1", verdict="vacuous", cause="all zero")
    pace = {"networks": 60, "seconds": 7.2, "processes": 2, "networks_per_minute": 500.0}
    amend(run, conventions={"Tanh": "as the subject says"}, pace=pace)
    section = Section("A chapter", "chapter", "<p>E</p>", "E = **½**\n")
    text = whole(run, section)
    unchanged("report-right", text)


def test_a_wrong_run(tmp_path: Path) -> None:
    run = make_run(
        tmp_path, networks=4, steps=2, optimizers=2, kinds=KINDS, wrong=["GELU", "Linear"]
    )
    edit(run, "agreement", "Tanh-0", verdict="disagree", cause="another side of a kink")
    edit(run, "examples", "Tanh-0", verdict="disagree")
    edit(run, "examples", "LogSumExp-0", verdict="error")
    edit(run, "agreement", "LogSumExp-1", worst_ratio=float("nan"), verdict="disagree", cause="")
    (run / "counterexamples/GELU-y-1.txt").write_text(
        "GELU ``` again | and\nmore", encoding="utf-8"
    )
    (run / "counterexamples/Net-x-2.txt").write_text(
        "Net disagrees " + 30 * "much ", encoding="utf-8"
    )
    text = whole(run)
    unchanged("report-wrong", text)


def test_a_run_that_was_cut_short(tmp_path: Path) -> None:
    run = make_run(tmp_path, networks=0, steps=0, optimizers=0, kinds=(), finished=False)
    (run / "parts/agreement-9.jsonl").write_text(
        json.dumps([f.name for f in fields(Agreement)]) + f'\n["{RUN}'
    )
    text = whole(run)
    unchanged("report-cut", text)


def test_a_damaged_row_is_named_by_its_line(tmp_path: Path) -> None:
    run = make_run(tmp_path, networks=0, steps=1, optimizers=1, kinds=KINDS)
    path = run / "parts/agreement-0.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:3], "[1, 2]\n", *lines[3:]]), "utf-8")
    with pytest.raises(InputError, match=f"^line 4 of {path} is not a row of 23 values: the file"):
        load(run)


def test_a_long_line_keeps_its_ends_and_the_greatest_of_each_stretch() -> None:
    y = np.zeros(1000)
    y[[123, 777]] = 5.0, np.inf
    y[600:640] = np.nan
    kept = list(training._thinned(y, 60))
    assert kept == sorted(set(kept)) and {0, 123, 777, 999} <= set(kept)
    assert 30 <= len(kept) <= 60
    assert list(training._thinned(y[:60], 60)) == list(range(60))
