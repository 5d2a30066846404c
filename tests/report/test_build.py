"""The report's generator, on made-up runs."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from gradproof.errors import InputError
from gradproof.report import Section, output, write
from gradproof.report.format import count, exact, plural, ratio, share
from gradproof.report.load import load
from gradproof.report.markdown import LIMIT, MESSAGES
from gradproof.report.tables import layers
from gradproof.storage.rows import Agreement, Trajectory
from gradproof.terminal import show
from tests.report_run import RUN, make_run

FILES = {
    "index.html", "REPORT.md", "agreement.csv", "agreement.parquet", "trajectories.csv",
    "trajectories.parquet", "examples.csv", "run.json", "counterexamples",
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


def report(run: Path, *sections: Section) -> tuple[str, str]:
    """The page and the Markdown of a run."""
    out = run.parent / "out"
    write(run, out, sections)
    return (out / "index.html").read_text("utf-8"), (out / "REPORT.md").read_text("utf-8")


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as lines:
        lines.write(text)


def amend(folder: Path, **entries: object) -> None:
    info = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps(info | entries), encoding="utf-8")


def test_an_agreeing_run(run: Path) -> None:
    page, markdown = report(run)
    assert {p.name for p in (run.parent / "out").iterdir()} == FILES
    for text in (page, markdown):
        assert "Every gradient agrees" in text
        assert "ncomplete" not in text
        assert "LogSumExp" in text and "OpenBLAS" in text and "Adam" in text
    assert "| Linear | ✓ agree |" in markdown
    assert "http" not in page.replace("http-equiv", "")


def test_a_network_that_is_trained_is_none_of_those_drawn(run: Path) -> None:
    path = run / "parts/agreement-0.jsonl"
    row = json.loads(path.read_text("utf-8").splitlines()[1])
    row[1:3] = ["trajectory-0-1", "64-32-10"]
    append(path, json.dumps(row) + "\n")
    for text in report(run):
        assert "20 of them distinct" in text


def test_disagreements_are_told_with_their_messages(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", wrong=["GELU", "Linear"])
    page, markdown = report(run)
    bad = pd.read_csv(tmp_path / "out/agreement.csv")["verdict"].eq("disagree").sum()
    for text in (page, markdown):
        assert f"{bad:,} arrays disagree" in text
        assert "likely cause     a factor of the batch size is missing" in text
    assert "GELU(&lt;options &amp; more&gt;)" in page  # escaped
    assert 'href="counterexamples/GELU-x-3fa9.py"' in page
    assert (tmp_path / "out/counterexamples/GELU-x-3fa9.npz").is_file()
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert page.count(f'id="{anchor}"') == 1, anchor


def test_a_layer_that_is_wrong_alone_comes_first(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", wrong=["Linear", "Add"])
    parts = sorted((run / "parts").glob("agreement-*"))
    for path in parts:  # Add's faults are all consequences: none of them is isolated
        text = path.read_text("utf-8")
        text = re.sub(r'("Add", )"isolated"(.*"disagree")', r'\1"free"\2', text)
        path.write_text(text, encoding="utf-8")
    page, _ = report(run)
    assert 0 < page.index('id="disagree-Linear"') < page.index('id="disagree-Add"')


def test_messages_that_no_row_names_are_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", wrong=["GELU"])
    (run / "counterexamples/GELU-y-1.txt").write_text("GELU again", encoding="utf-8")
    (run / "counterexamples/Net-x-2.txt").write_text(
        "Net disagrees in its wiring", encoding="utf-8"
    )
    page, markdown = report(run)
    assert page.index("GELU again") < page.index("Net disagrees in its wiring")
    assert 'id="disagree-other"' in page and "Net disagrees in its wiring" in markdown


def test_counterexamples_beyond_those_shown_and_one_without_a_message(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", wrong=["GELU"])
    for n in range(MESSAGES + 2):
        (run / f"counterexamples/GELU-y-{n}.txt").write_text(f"GELU number {n}", encoding="utf-8")
    (run / "counterexamples/GELU-y-none.txt").write_text("", encoding="utf-8")
    page, markdown = report(run)
    assert "No message was saved with this counterexample." in page
    shown = markdown.count("GELU number")
    assert 0 < shown < MESSAGES + 2
    assert re.search(
        r"^\d+ more counterexamples in the counterexamples folder\.$", markdown, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("arrays", "other", "told"), [(20, [], 1), (19, [], 0), (20, ["agree"], 0)]
)
def test_what_no_case_could_have_shown_to_be_wrong(
    run: Path, arrays: int, other: list[str], told: int, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f.name for f in fields(Agreement)]
    path = run / "parts/agreement-0.jsonl"
    row = dict(zip(names, json.loads(path.read_text("utf-8").splitlines()[1]), strict=True))
    row |= {"example": "Tanh-0", "kind": "Tanh", "quantity": "scale", "cause": "all zero"}
    for verdict in ["vacuous"] * arrays + other:
        append(path, json.dumps(list((row | {"verdict": verdict}).values())) + "\n")
    said = "Tanh: no case could have shown scale to be wrong; all were vacuous"
    for text in report(run):
        assert text.count(said) == told
    counts = {"verdict": "agree", "counts": {}, "counterexamples": [], "too vacuous": False}
    show(run, counts, layers(load(run)), run.parent / "out")
    assert capsys.readouterr().out.count(said) == told


def test_the_pace_is_that_by_the_clock(run: Path) -> None:
    pace = {"networks": 60, "seconds": 7.2, "processes": 2, "networks_per_minute": 500.0}
    amend(run, pace=pace)
    for text in report(run):
        plain = re.sub(r"</?strong>|\*\*", "", text).replace("\n", " ")
        assert (
            "By the clock, 2 processes judged 500 networks a minute: 60 networks in 7.2 s" in plain
        )


def test_a_run_that_failed_without_a_disagreement(run: Path) -> None:
    amend(run, verdict="disagree")
    page, markdown = report(run)
    assert "The run failed" in page and "too many networks" in markdown


@pytest.mark.parametrize("finished", [None, "absent"])
def test_an_incomplete_run_says_so_at_the_top(tmp_path: Path, finished: str | None) -> None:
    run = make_run(tmp_path / "run", finished=False)
    info = json.loads((run / "run.json").read_text("utf-8"))
    del info["verdict"], info["seconds"], info["accuracy"], info["counts"]
    if finished:
        del info["finished"]
    (run / "run.json").write_text(json.dumps(info), encoding="utf-8")
    page, markdown = report(run)
    assert "Incomplete run: every gradient agrees so far" in page.split("<table")[0]
    assert "This run is incomplete" in markdown.split("## ")[0]


def test_rows_cut_short_by_a_kill_are_counted_and_left_out(run: Path) -> None:
    whole = sum(len(p.read_text().splitlines()) - 1 for p in run.glob("parts/agreement-*"))
    append(run / "parts/agreement-1.jsonl", '["20260102-0304')
    (run / "parts/agreement-9.jsonl").write_text('["run", "exam')
    (run / "parts/agreement-8.jsonl").write_text("")
    page, markdown = report(run)
    for text in (page, markdown):
        assert "2 rows were cut short" in text
    assert len(pd.read_csv(run.parent / "out/agreement.csv")) == whole


def test_a_run_that_was_stopped_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", networks=0, cases=0, optimizers=0, finished=False)
    page, markdown = report(run)
    assert "Incomplete run: nothing was compared so far" in page
    assert "vacuous so far" in markdown
    assert len(pd.read_parquet(tmp_path / "out/agreement.parquet")) == 0


def test_csv_and_parquet_hold_the_rows_bit_for_bit(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", wrong=["GELU"])
    report(run)
    read_as = {"str": str, "int": int, "float": float}
    for table, schema in (("agreement", Agreement), ("trajectories", Trajectory)):
        kinds = [read_as[str(f.type)] for f in fields(schema)]
        rows = [
            json.loads(line)
            for path in sorted(run.glob(f"parts/{table}-*"))
            for line in path.read_text("utf-8").splitlines()[1:]
        ]
        with (tmp_path / f"out/{table}.csv").open(encoding="utf-8", newline="") as file:
            head, *lines = csv.reader(file)
        assert head == [f.name for f in fields(schema)]
        text = [[kind(cell) for kind, cell in zip(kinds, row, strict=True)] for row in lines]
        packed = pd.read_parquet(tmp_path / f"out/{table}.parquet").to_numpy().tolist()
        for back in (text, packed):
            assert sorted(map(repr, back)) == sorted(map(repr, rows))


def test_the_report_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    for shards in (1, 5):
        write(make_run(tmp_path / f"run{shards}", shards=shards), tmp_path / f"out{shards}")
    for name in FILES - {"counterexamples"}:
        one, five = ((tmp_path / f"out{n}" / name).read_bytes() for n in (1, 5))
        assert one == five, name


def test_without_pyarrow_there_is_csv_only_and_the_report_says_so(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(run)
    monkeypatch.setattr(output, "find_spec", lambda name: None)
    page, markdown = report(run)
    assert {p.name for p in (run.parent / "out").glob("*.parquet")} == set()
    assert "install pyarrow" in page and "install pyarrow" in markdown


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    report(make_run(tmp_path / "run", wrong=["GELU"]))
    write(make_run(tmp_path / "next"), tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES
    assert list((tmp_path / "out/counterexamples").iterdir()) == []


def test_a_report_can_lie_in_the_runs_own_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", wrong=["GELU"])
    before = [(run / "run.json").read_bytes(), *sorted((run / "counterexamples").iterdir())]
    write(run, run)
    assert [(run / "run.json").read_bytes(), *sorted((run / "counterexamples").iterdir())] == before


def test_a_default_run_fits_into_a_megabyte(tmp_path: Path) -> None:
    # Beyond these numbers the page does not grow: networks share columns, steps are thinned out.
    run = make_run(tmp_path / "run", networks=400, steps=60, optimizers=11, wrong=["Linear"])
    page, markdown = report(run)
    assert len(page.encode()) <= 400_000
    assert len(markdown.encode()) <= LIMIT


def test_many_long_messages_do_not_burst_the_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", wrong=["GELU"])
    for i in range(400):
        (run / f"counterexamples/GELU-x-{i}.txt").write_text("long " * 2000, encoding="utf-8")
    section = Section("Long", "long", "", "```text\n" + "word\n" * 300_000 + "```")
    page, markdown = report(run, section)
    assert len(page.encode()) <= 1_000_000
    assert "the whole message is in counterexamples/GELU-x-7.txt" in page
    assert len(markdown.encode()) <= LIMIT
    assert markdown.endswith("*Cut here at 1 MiB: the rest is in index.html and the CSV files.*\n")
    assert markdown.count("```") % 2 == 0


def break_part(table: str, edit: Callable[[str], str]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = run / f"parts/{table}-0.jsonl"
        path.write_text(edit(path.read_text("utf-8")), encoding="utf-8")

    return damage


def remove_parts(run: Path) -> None:
    for path in (run / "parts").iterdir():
        path.unlink()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (lambda run: run.rename(run.with_name("gone")), "there is no run in"),
    "no rows": (remove_parts, "has no rows"),
    "no run.json": (lambda run: (run / "run.json").unlink(), "run.json cannot be read"),
    "half a run.json": (lambda run: (run / "run.json").write_text("{"), "run.json cannot be read"),
    "no run id": (lambda run: (run / "run.json").write_text("{}"), "does not say which run"),
    "two runs": (lambda run: amend(run, run="other"), f"of run other, .* rows of run {RUN}"),
    "unknown column": (
        break_part("agreement", lambda text: text.replace('"cosine"', '"angle"', 1)),
        r"another version \(unknown columns: angle; missing: cosine\)",
    ),
    "no header": (
        break_part("examples", lambda text: text.split("\n", 1)[1]),
        "another version",
    ),
    "damaged row": (
        break_part("agreement", lambda text: text.replace(', "isolated"', ', "iso', 1)),
        r"line \d+ of .* is not a row of 23 values",
    ),
    "short row": (
        break_part("examples", lambda text: text.replace(f'\n["{RUN}", ', "\n[", 1)),
        "line 2 of .* is not a row of 19 values",
    ),
    "text for a number": (
        break_part("agreement", lambda text: text.replace(", 0, 1.0, 1.0", ', "x", 1.0, 1.0')),
        "column n_over of .* should hold int",
    ),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGE.values(), ids=DAMAGE)
def test_bad_input_is_refused_in_one_sentence(
    run: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(run)
    with pytest.raises(InputError, match=said) as error:
        write(run, run.parent / "out")
    assert "\n" not in str(error.value)
    assert not (run.parent / "out").exists()


def test_a_folder_that_cannot_be_written(run: Path) -> None:
    (run.parent / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written into .*file"):
        write(run, run.parent / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="did not run: root may write anywhere")
def test_a_read_only_folder(run: Path) -> None:
    out = run.parent / "out"
    out.mkdir(mode=0o500)
    with pytest.raises(InputError, match=r"cannot be written into .*out \(Permission denied\)"):
        write(run, out)
    assert list(out.iterdir()) == []


def test_what_is_written_is_whole(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report(run)
    out = run.parent / "out"
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}
    amend(run, seed=8)

    def full(path: Path, text: str, **_: str) -> None:
        path.write_bytes(text[:100].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left on device"):
        write(run, out)
    assert {p.name for p in out.iterdir()} == FILES
    for name in ("index.html", "REPORT.md"):
        assert (out / name).read_bytes() == before[name]


def test_numbers_read_well() -> None:
    assert [count(n) for n in (0, 12345, 12_345_678)] == ["0", "12,345", "12.3 million"]
    assert [ratio(v) for v in (0.0, 0.314, 99.6, 640.0, 2.34e-7, float("inf"), float("nan"))] == [
        "0", "0.31", "100", "640", "2.3e-7", "∞", "–",
    ]  # fmt: skip
    assert [share(n, 1000) for n in (0, 0.5, 123, 999.9, 1000)] == [
        "0 %", "< 0.1 %", "12.3 %", "> 99.9 %", "100 %",
    ]  # fmt: skip
    assert share(1, 0) == "–"
    assert [plural(n, "entry") for n in (1, 2)] == ["1 entry", "2 entries"]
    assert [plural(3, n) for n in ("array", "process")] == ["3 arrays", "3 processes"]
    assert exact(0.1, "float64") == "0.1" and exact(0.10000000149011612, "float32") == "0.1"
