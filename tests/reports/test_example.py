"""reports/example is what the code writes today; `make example` writes it anew.

Its run is done once more and both are compared:

- the rows, by their hash in run.json: see `make_example.fingerprints`;
- run.json, without times, processes and the environment, in which two runs differ, and without
  fractions, since another processor rounds otherwise;
- REPORT.md, word by word and count by count; masked are the columns of what was measured, shares,
  times and the environment;
- the pages, byte for byte, but for what is masked in REPORT.md: in index.html all numbers and
  pictures, in the article the column that says that it is measured.

That the figures are computed rightly from the rows is tested on made-up runs, in tests/report.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the example's run judges against torch")

from gradproof.report.load import load
from gradproof.rounding.bound import BLIND
from reports.make_example import FOLDER, ROOT, fingerprints, judge, write

pytestmark = pytest.mark.skipif(
    (ROOT / "PKG-INFO").is_file(), reason="a source distribution has no example"
)
FILES = ("run.json", "REPORT.md", "index.html", "textbook.html", "judged.html")
OF_A_RUN = {"started", "finished", "environment", "processes"}
MEASURED = re.compile(
    "Worst.*|Caught.*|Final loss.*|≤ . ulp|Vacuous|Errors|Divergence|Null|Manual|Reference"
    "|Share of all"
)
"""Heads of columns in REPORT.md."""
SHARE = re.compile(r"(?:[<>] )?\d+(?:\.\d+)? %")
NUMBER = re.compile(
    r"(?:[<>] )?[-−]?\d[\d.,]*(?:e[-−]?\d+)?(?: min \d+)?(?: (?:s|%|process(?:es)?)(?!\w))?|–|∞"
)
LINES = 20  # of a difference


def differences(committed: Path, fresh: Path) -> str:
    """What differs between two files, or ""."""
    before, after = masked(committed), masked(fresh)
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


def masked(path: Path) -> str:
    """The file's text without what may differ."""
    text = whole(path)
    if path.suffix == ".json":
        return json.dumps(_entries(json.loads(text)), indent=1, ensure_ascii=False)
    if path.suffix == ".md":
        return "\n".join(_markdown(text.splitlines()))
    if path.name != "index.html":
        return re.sub(r'(<td class="measured">)[^<]*', r"\1#", text)
    head, main, foot = re.split(r"(<main>.*</main>)", text, flags=re.DOTALL)
    main = re.sub(r"(<svg[^>]*>).*?</svg>", r"\1", main, flags=re.DOTALL)
    main = re.sub(r"(--w:)[^\"]*", r"\1#", main)
    lines = [line for line in main.splitlines() if BLIND not in line]
    return head + "\n".join(NUMBER.sub("#", line) for line in _environment(lines)) + foot


def _environment(lines: list[str]) -> Iterator[str]:
    """Without the values that stand beside the names."""
    pairs = False
    for line in lines:
        pairs = 'class="pairs"' in line or (pairs and "</table>" not in line)
        yield re.sub("<td>.*", "<td>", line) if pairs else line


def _markdown(lines: list[str]) -> Iterator[str]:
    part, hidden = "", set()
    for line, before in zip(lines, ["", *lines], strict=False):
        part = line if line.startswith("## ") else part
        if part == "## Where the time went":
            yield NUMBER.sub("#", line)
        elif BLIND in line:
            pass
        elif line.startswith("| "):
            cells = line.split(" | ")
            if not before.startswith("|"):
                hidden = {i for i, cell in enumerate(cells) if MEASURED.fullmatch(cell.strip("| "))}
                hidden |= {1} if part == "## Environment" else set()
            shown = ["#" if i in hidden and "--" not in c else c for i, c in enumerate(cells)]
            yield SHARE.sub("#", " | ".join(shown))
        else:
            yield re.sub(r"^.* are (?=\*vacuous\*)", "# are ", line)


def _entries(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "#" if k in OF_A_RUN else _entries(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_entries(v) for v in value]
    return "#" if isinstance(value, float) and math.isfinite(value) else value


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's run, done once more."""
    folder, about = judge(tmp_path_factory.mktemp("runs"), jobs=1)
    assert about["verdict"] == "agree"
    return folder


@pytest.fixture(scope="module")
def fresh(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of that run."""
    folder = tmp_path_factory.mktemp("example")
    write(run, folder)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_the_same_is_drawn_found_and_told(fresh: Path, name: str) -> None:
    found = differences(FOLDER / name, fresh / name)
    assert not found, found


def test_the_folder_is_complete_and_small(fresh: Path) -> None:
    for folder in (FOLDER, fresh):
        sizes = {p.name: p.stat().st_size for p in folder.rglob("*") if p.is_file()}
        assert set(sizes) == set(FILES)
        assert sum(sizes.values()) <= 180 * 1024


def test_every_part_of_the_report_has_something_to_show() -> None:
    page = whole(FOLDER / "index.html")
    parts = "verdict disagreements vacuous layers training drawn time environment reading"
    for part in parts.split():
        assert f'<section id="{part}"' in page
    assert "No training run" not in page and 'id="heat"' in page


ROWS = {
    "another network": ("agreement", {"network": "0" * 16}),
    "another verdict": ("agreement", {"verdict": "disagree"}),
    "another shape": ("agreement", {"shape": "7x7"}),
    "a NaN": ("agreement", {"cosine": math.nan}),
    "another seed": ("examples", {"seed": 1}),
    "another hazard": ("examples", {"hazards": "strided"}),
    "another optimiser": ("trajectories", {"optimizer": "Lion"}),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_change_of_one_row_is_seen(run: Path, what: str) -> None:
    name, changed = ROWS[what]
    rows = load(run)
    frame = getattr(rows, name).copy()
    for column, value in changed.items():
        frame.loc[len(frame) - 1, column] = value
    before, after = fingerprints(rows), fingerprints(replace(rows, **{name: frame}))
    assert [table for table in before if before[table] != after[table]] == [name]


def test_a_measured_number_of_a_row_may_differ(run: Path) -> None:
    rows = load(run)
    frame = rows.agreement.copy()
    frame.loc[3, ["manual", "worst_ratio", "worst_index"]] = [0.123, 0.99, "9,9"]
    assert fingerprints(replace(rows, agreement=frame)) == fingerprints(rows)


def edited(folder: Path, name: str, edit: Callable[[str], str]) -> Path:
    """A copy of the example with one file changed, and that file."""
    shutil.copytree(FOLDER, folder)
    before = whole(folder / name)
    after = edit(before)
    assert after != before
    (folder / name).write_bytes(after.encode())
    return folder / name


TEXTS: dict[str, tuple[str, str, str]] = {
    "a count in a table": ("REPORT.md", r"(\| Linear \| ✓ agree \| )\d+", r"\g<1>1"),
    "a verdict": ("REPORT.md", r"\| Linear \| ✓ agree", "| Linear | ✗ disagree"),
    "a count in the lead": ("REPORT.md", r"\d+ layer cases", "7 layer cases"),
    "a word": ("REPORT.md", "bound", "limit"),
    "a figure of the judge's": ("REPORT.md", r"(\| C = 16 \| )\S+", r"\g<1>77"),
    "a word on the page": ("index.html", "What could not be judged", "What was not judged"),
    "a missing row": ("index.html", r'<tr id="layer-Linear">[^\n]*\n', ""),
    "the style": ("index.html", "--paper:", "--paper :"),
    "a picture of the article": ("textbook.html", 'd="M', 'd="M1'),
    "a count in run.json": ("run.json", r'"networks": \d+', '"networks": 1'),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_change_of_a_file_is_seen_and_told(tmp_path: Path, what: str) -> None:
    name, old, new = TEXTS[what]
    copy = edited(tmp_path / "copy", name, lambda text: re.sub(old, new, text, count=1))
    found = differences(FOLDER / name, copy)
    assert found.startswith(f"reports/example/{name} is not what the code writes today:\n--- ")
    assert found.endswith("If that is meant, make example writes it anew.")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("REPORT.md", r"(\| Linear \|(?: [^|]* \|){3} )[\d.]+", r"\g<1>0.123"),
        ("REPORT.md", r"\d+ s;", "99 s;"),
        ("index.html", r'(<tr id="layer-Linear">.*?<td>\d+<td>\d+<td>)[\d.]+', r"\g<1>0.123"),
        ("textbook.html", r'(<td class="measured">)\d+', r"\g<1>9"),
    ],
)
def test_a_measured_number_of_a_file_may_differ(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    copy = edited(tmp_path / "copy", name, lambda text: re.sub(old, new, text, count=1))
    assert not differences(FOLDER / name, copy)


def test_other_versions_are_named(tmp_path: Path) -> None:
    path = FOLDER / "run.json"
    copy = edited(tmp_path / "copy", path.name, lambda text: text.replace('"cpu": "', '"cpu": "x'))
    assert not differences(path, copy)
    info = json.loads(whole(copy))
    info["counts"]["networks"] += 1
    copy.write_text(json.dumps(info), encoding="utf-8")
    said = differences(path, copy)
    assert re.search(r" \(here x.*\)\.$", said) and '+  "networks": ' in said
