"""reports/example is what the code writes today; `make example` writes it anew.

Its run is done once more and both are compared, row by row and name by name:

- equal, in the tables and in run.json: which rows there are and their order, names, seeds, hashes
  of the drawn networks, shapes, hazards, verdicts, causes, witnesses and counts;
- masked, because two runs differ in it: times, seconds, rates, processes and the environment;
- masked, because another processor rounds otherwise: what was measured, which is each column and
  entry of floating-point numbers, the index of the worst entry, how often a noise floor was needed,
  and whether a bound is as large as the values, of which next to nothing is left where such
  values cancel. A NaN or an infinity is not masked, but among the units in the last place, of
  which a zero has none.

The pages, index.html and REPORT.md, are compared byte for byte. They are made anew from the
committed rows, timings and all: what differs then is a template, or what the report computes. Only
what a section marks as measured is masked there, since it is measured when the page is made.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the example's run judges against torch")

from gradproof.report.load import TABLES
from gradproof.rounding.bound import BLIND
from reports.make_example import FOLDER, ROOT, ROWS, judge, write
from tests.reports.test_textbook import without_measured

pytestmark = pytest.mark.skipif(
    (ROOT / "PKG-INFO").is_file(), reason="a source distribution has no example"
)
FILES = (*ROWS, "run.json", "REPORT.md", "index.html")
OF_A_RUN = {"started", "finished", "environment", "processes"}
MEASURED = {"worst_index", "floors"}
LINES = 20  # of a difference


def differences(committed: Path, fresh: Path, mask: Callable[[Path], str]) -> str:
    """What differs between two files, or ""."""
    before, after = mask(committed), mask(fresh)
    if before == after:
        return ""
    lines = before.splitlines(), after.splitlines()
    found = list(difflib.unified_diff(*lines, "committed", "made anew", lineterm="", n=0))
    more = f"\n… {len(found) - LINES} more lines" if len(found) > LINES else ""
    return (
        f"reports/example/{committed.name} is not what the code writes today:\n"
        + "\n".join(line[:300] for line in found[:LINES])
        + f"{more}\nIf that is meant, make example writes it anew.{_elsewhere(committed, fresh)}"
    )


def _elsewhere(committed: Path, fresh: Path) -> str:
    """Versions may be why: those that differ."""
    made, now = (
        json.loads((path.parent / "run.json").read_text("utf-8"))["environment"]
        for path in (committed, fresh)
    )
    names = ("python", "numpy", "torch", "scipy", "hypothesis", "pandas", "blas", "cpu")
    other = [f"{n} {made[n]} (here {now[n]})" for n in names if made[n] != now[n]]
    return f" The committed one was made with {', '.join(other)}." if other else ""


def whole(path: Path) -> str:
    return path.read_bytes().decode()  # with its line ends


def page(path: Path) -> str:
    """The file's text; in a page, without what was measured when it was made."""
    text = whole(path)
    if path.suffix == ".md":
        return "\n".join(without_measured(text))
    return re.sub(r'(<td class="measured">)[^<]*', r"\1#", text)


def masked(path: Path) -> str:
    """The file's text without what may differ."""
    if path.suffix == ".json":
        return json.dumps(_entries(json.loads(whole(path))), indent=1, ensure_ascii=False)
    schema = TABLES[path.stem]
    hidden = {f.name for f in fields(schema) if str(f.type) == "float"} | MEASURED
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    lines = [
        ",".join(
            _number(v, name) if name in hidden else v for name, v in zip(head, row, strict=True)
        )
        for row in map(_as_if_above_the_bound, rows)
    ]
    return "\n".join([",".join(head), *lines])


def _as_if_above_the_bound(row: list[str]) -> list[str]:
    return [*row[:-3], "agree", "", row[-1]] if row[-3:-1] == ["vacuous", BLIND] else row


def _number(text: str, name: str) -> str:
    return text if text in {"nan", "inf", "-inf"} and name != "max_ulp_diff" else "#"


def _entries(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "#" if k in OF_A_RUN else _entries(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_entries(v) for v in value]
    return "#" if isinstance(value, float) and math.isfinite(value) else value


def run_again(report: Path, run: Path) -> Path:
    """The folder of the run that a report was made of, from the report's rows."""
    (run / "parts").mkdir(parents=True)
    shutil.copy(report / "run.json", run)
    for table, schema in TABLES.items():
        kinds = {"str": str, "int": int, "float": float, "bool": "True".__eq__}
        read = [kinds[str(f.type)] for f in fields(schema)]
        with (report / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        values = [[kind(v) for kind, v in zip(read, row, strict=True)] for row in rows]
        text = "".join(f"{json.dumps(row)}\n" for row in [head, *values])
        (run / f"parts/{table}-0.jsonl").write_text(text, encoding="utf-8")
    return run


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the run, done once more."""
    folder = tmp_path_factory.mktemp("example")
    run, about = judge(folder / "runs", jobs=1)
    assert about["verdict"] == "agree"
    write(run, folder / "out")
    return folder / "out"


@pytest.mark.parametrize("name", [*ROWS, "run.json"])
def test_the_same_is_drawn_and_found(fresh: Path, name: str) -> None:
    found = differences(FOLDER / name, fresh / name, masked)
    assert not found, found


def test_the_pages_are_made_of_the_rows(tmp_path: Path) -> None:
    write(run_again(FOLDER, tmp_path / "run"), tmp_path / "out")
    for name in FILES:
        found = differences(FOLDER / name, tmp_path / "out" / name, page)
        assert not found, found


def test_the_folder_is_complete_and_small(fresh: Path) -> None:
    for folder in (FOLDER, fresh):
        sizes = {p.name: p.stat().st_size for p in folder.rglob("*") if p.is_file()}
        assert set(sizes) == set(FILES)
        assert sum(sizes.values()) < 1_500_000


def test_every_part_of_the_report_has_something_to_show() -> None:
    page = whole(FOLDER / "index.html")
    parts = "textbook smallest-error layers heat training disagreements drawn vacuous time reading"
    for part in parts.split():
        assert f'<section id="{part}"' in page
    assert "No training run" not in page and "No networks were judged" not in page


CHANGES = {
    "another network": ("agreement.csv", lambda row: row | {"network": "0" * 16}),
    "another verdict": ("agreement.csv", lambda row: row | {"verdict": "disagree"}),
    "another shape": ("agreement.csv", lambda row: row | {"shape": "7x7"}),
    "a NaN": ("agreement.csv", lambda row: row | {"cosine": "nan"}),
    "another seed": ("examples.csv", lambda row: row | {"seed": "1"}),
    "another hazard": ("examples.csv", lambda row: row | {"hazards": "strided"}),
    "another optimiser": ("trajectories.csv", lambda row: row | {"optimizer": "Lion"}),
}


def change(path: Path, copy: Path, edit: Callable[[dict[str, str]], dict[str, str]]) -> Path:
    """A copy of the report with one row changed, and the changed file in it."""
    shutil.copytree(path.parent, copy)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[-1] = edit(rows[-1])
    with (copy / path.name).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return copy / path.name


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen_and_told(tmp_path: Path, what: str) -> None:
    name, edit = CHANGES[what]
    found = differences(FOLDER / name, change(FOLDER / name, tmp_path / "copy", edit), masked)
    assert found.startswith(f"reports/example/{name} is not what the code writes today:\n--- ")
    assert found.endswith("If that is meant, make example writes it anew.")
    assert found.count("\n+") == 2  # the name of the file, and the line


def test_a_measured_number_may_differ(tmp_path: Path) -> None:
    path = FOLDER / "agreement.csv"
    other = {"manual": "0.123", "worst_ratio": "0.99", "worst_index": "9,9"}
    copy = change(path, tmp_path / "copy", lambda row: row | other)
    assert not differences(path, copy, masked)
    info = json.loads(whole(FOLDER / "run.json"))
    info["environment"]["cpu"] = "another"
    (copy.parent / "run.json").write_text(json.dumps(info), encoding="utf-8")
    assert not differences(FOLDER / "run.json", copy.parent / "run.json", masked)
    info["counts"]["networks"] += 1
    (copy.parent / "run.json").write_text(json.dumps(info), encoding="utf-8")
    said = differences(FOLDER / "run.json", copy.parent / "run.json", masked)
    assert said.endswith(" (here another).") and '+  "networks": ' in said
