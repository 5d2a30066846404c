"""The pages of a report: their order, a section's own page, and what a layer opens to."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from gradproof.report import Section
from gradproof.report.format import ratio
from gradproof.storage.rows import Agreement
from tests.report.test_build import amend, append, report
from tests.report_run import make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


def test_a_section_is_a_page_of_its_own_and_the_end_of_the_markdown(run: Path) -> None:
    section = Section("Chapter <1>", "chapter", "<p>E = <b>½</b></p>", "E = **½**")
    page, markdown = report(run, section)
    chapter = (run.parent / "out/chapter.html").read_text("utf-8")
    assert "<p>E = <b>½</b></p>" in chapter and "<p>E = <b>½</b></p>" not in page
    top, end = page.split("<main>")[0], page.split("</main>")[1]
    for text in (top, end):
        assert text.count('<a href="chapter.html">Chapter &lt;1&gt;</a>') == 1
    assert chapter.count('<a href="index.html">') == 2
    assert "default-src 'none'" in chapter and "script" not in chapter
    assert markdown.index("E = **½**") > markdown.index("## How to read this")


def test_the_verdict_comes_first_and_the_rest_in_order_of_need(tmp_path: Path) -> None:
    page, markdown = report(make_run(tmp_path / "run", wrong=["GELU"]))
    parts = re.findall(r'<section id="([a-z]+)"', page)
    first = ["verdict", "disagreements", "vacuous", "layers", "training"]
    assert parts == [*first, "drawn", "time", "environment", "reading"]
    titles = re.findall(r"^## (.*)", markdown, re.MULTILINE)
    assert [re.search(rf'id="{p}-title">([^<]*)', page)[1] for p in parts[1:]] == titles


def test_no_page_of_an_older_report_stays(run: Path) -> None:
    out = run.parent / "out"
    report(run, Section("A", "a", "", ""), Section("B", "b", "", ""))
    (out / "own.html").write_text("<title>somebody's own page</title>")
    report(run, Section("B", "b", "", ""))
    assert {p.name for p in out.glob("*.html")} == {"index.html", "b.html", "own.html"}


def test_a_layer_opens_to_its_outputs_and_gradients(run: Path) -> None:
    amend(run, sensitivity={"Linear": {"float64": 1e-13}})
    page, markdown = report(run)
    rows = pd.read_csv(run.parent / "out/agreement.csv")
    own = rows[(rows["kind"] == "Linear") & (rows["depth"] == "free") & (rows["quantity"] == "x")]
    judged = own[~own["verdict"].isin(["vacuous", "convention"])]
    layer = re.search(r'<tr id="layer-Linear">(.*?)<tr class="more">(.*?)\n<tr', page, re.DOTALL)
    row, more = layer.groups()
    free = re.search(r"<em>free</em>: .*?<b>x</b> (.*? \(\d+\))", more)[1]
    assert free == f"{ratio(judged['worst_ratio'].max())} ({len(own)})"
    assert "<td>1e-13" in row and "Caught float64" in markdown


def test_of_many_quantities_the_worst_are_shown(run: Path) -> None:
    names = [f.name for f in fields(Agreement)]
    path = run / "parts/agreement-0.jsonl"
    row = dict(zip(names, json.loads(path.read_text("utf-8").splitlines()[1]), strict=True))
    for n in range(15):
        own = {"kind": "Net", "quantity": f"w{n}", "verdict": "agree", "worst_ratio": n / 20}
        append(path, json.dumps(list((row | own).values())) + "\n")
    page, _ = report(run)
    more = re.search(r'<tr id="layer-Net">.*?<tr class="more">(.*?)\n<tr', page, re.DOTALL)[1]
    assert re.findall(r"<b>(w\d+)", more) == [f"w{n}" for n in range(14, 4, -1)]
    assert "5 more are not shown" in more
