"""The report's section on the judge: from the published figures, and from made-up ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from reports.judged import FOLDER, section, story
from reports.judged_figures import distances, race
from reports.textbook_page import Heading

MUTANTS = {
    "seed": 3,
    "commit": "abc",
    "counts": {
        "catalogue": {
            "bugs": 10,
            "killed": 8,
            "survived": 1,
            "equivalent": 1,
            "layer": [8, 8],
            "network": [6, 7],
            "cause": [0, 0],
        },
        "harmless": {
            "bugs": 3,
            "killed": 0,
            "survived": 0,
            "equivalent": 0,
            "layer": [0, 0],
            "network": [0, 0],
            "cause": [0, 0],
        },
    },
    "failures": [
        {"name": "b", "group": "catalogue", "outcome": "survived", "reason": "nobody knows"},
        {"name": "c", "group": "harmless", "outcome": "false alarm", "reason": "a factor of 1"},
    ],
}
SOAK = {
    "networks": 1200,
    "distinct": 1100,
    "vacuous": 30,
    "arrays": 45000,
    "false_alarms": 1,
    "seeds": [3, 4],
    "by_commit": {
        "abc": {"networks": 1000, "arrays": 40000, "flagged": 1},
        "def": {"networks": 200, "arrays": 5000, "flagged": 0},
    },
}
MOST_BYTES = 110_000
"""Of all published figures: the rows that they are made of stay out of the repository."""


def headings(folder: Path) -> list[str]:
    return [block.text for block in story(folder) if isinstance(block, Heading)]


def test_the_published_figures_make_a_section() -> None:
    made = section()
    assert made.html.count("<h3") == made.markdown.count("### ") == len(headings(FOLDER)) > 0
    assert "<script" not in made.html and "http" not in made.html


def test_the_published_figures_are_few() -> None:
    published = [f for f in FOLDER.iterdir() if f.suffix in (".csv", ".json", ".md", ".toml")]
    assert {"mutants.json", "rivals.json", "soak.json"} <= {f.name for f in published}
    assert sum(f.stat().st_size for f in published) <= MOST_BYTES


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    assert headings(tmp_path) == []
    shutil.copy(FOLDER / "enclosures.json", tmp_path)
    assert headings(tmp_path) == ["Against proved derivatives"]


def test_planted_bugs_are_counted_and_survivors_named(tmp_path: Path) -> None:
    (tmp_path / "mutants.json").write_text(json.dumps(MUTANTS))
    said = section(tmp_path).markdown
    assert "| catalogue | 10 | 8 of 9 | 100.0% of 8 | 85.7% of 7 | – |" in said
    assert "| harmless | 3 | 1 flagged | – | – | – |" in said
    assert "Not found: `b`: nobody knows; `c`: a factor of 1." in said
    assert "`make mutants`, seed 3, commit abc" in said


def test_false_alarms_are_counted_by_commit(tmp_path: Path) -> None:
    (tmp_path / "soak.json").write_text(json.dumps(SOAK))
    said = section(tmp_path).markdown
    assert "| commit abc | 1,000 | 40,000 | 1 |" in said
    assert "| commit def | 200 | 5,000 | 0 |" in said
    assert "| all | 1,200 | 45,000 | 1 |" in said
    assert "seed 3, 4, 1,100 of them distinct and 30 vacuous" in said


def test_lower_precision_and_other_orders_stand_beside_each_other(tmp_path: Path) -> None:
    about = {
        "seed": 3,
        "layers": 2,
        "cases": 1050,
        "lower": {
            "float64": {"rejected": 1000, "same": 20},
            "float32": {"agree": 1, "vacuous": 29},
        },
        "bfloat16": 4,
        "orders": {"fused": {"agree": 1040, "same": 10}},
        "accepted": {"SiLU float32: agree": 1},
        "environment": {"commit": "abc"},
    }
    (tmp_path / "separation.json").write_text(json.dumps(about))
    said = section(tmp_path).markdown
    assert "|  | rejected | accepted | vacuous | same bits |" in said
    assert "| float32 inside float64 | 1,000 | 0 | 0 | 20 |" in said
    assert "| float16 inside float32 | 0 | 1 | 29 | 0 |" in said
    assert "| fused multiply-add | 0 | 1,040 | 0 | 10 |" in said
    assert "SiLU float32: agree, 1" in said and "it is bfloat16: 4 cases" in said
    assert "`make calibrate`, seed 3, commit abc" in said


def test_unnoticed_mutants_of_the_judge_are_listed(tmp_path: Path) -> None:
    rate = {"rate": 0.9, "low": 0.8, "high": 0.96}
    score = {
        "drawn": 10,
        "killed": 9,
        "equivalent": 0,
        "by outcome": {"survived so far": 1},
        "of all": rate,
        "of those that are not equivalent": rate,
    }
    about = {"seed": 3, "mutants": 1234, "score": score, "environment": {"commit": "abc"}}
    (tmp_path / "mutation.json").write_text(json.dumps(about))
    row = ("gradproof.bound", "bound", "- a | b + a & b", "survived", "nobody looked")
    columns = ["module", "function", "change", "outcome", "review"]
    pd.DataFrame([row], columns=columns).to_csv(tmp_path / "mutation.csv", index=False)
    said = section(tmp_path).markdown
    assert "1,234 mutants" in said and "90.0% (95 % interval 80.0% to 96.0%)" in said
    assert "1 were not tried on the slower tests" in said
    assert "| gradproof.bound | 1 | 0 |" in said
    assert "`make mutation`, seed 3, commit abc" in said


def test_a_checker_that_was_not_asked_has_no_figure(tmp_path: Path) -> None:
    (tmp_path / "rivals.json").write_text(json.dumps({"seed": 0, "counts": {"catalogue": 4}}))
    columns = ["tool", "note", "catalogue_kill_rate_own", "seconds_5000_parameters"]
    rows = [("gradproof", None, 1.0, 0.002), ("slow", None, 0.5, None), ("absent", "no", None, 1.0)]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "rivals.csv", index=False)
    said = section(tmp_path).markdown
    assert "| gradproof | 100.0% | 2 |" in said and "| slow | 50.0% | – |" in said
    assert "absent" not in said


def test_a_point_stands_at_its_time_and_rate() -> None:
    drawn = ET.fromstring(race([("gradproof", 0.01, 1.0), ("slow", 1.0, 0.5)]))
    (ours, theirs) = (c.attrib for c in drawn.iter("circle"))
    assert float(ours["cx"]) < float(theirs["cx"])
    assert float(ours["cy"]) < float(theirs["cy"]), "up is more"


@pytest.mark.parametrize("far", ["2^-9", "2^3", "2^40"])
def test_every_entry_is_in_some_bin(far: str) -> None:
    drawn = distances({"manual": {"0": 1, far: 3}, "autograd": {"0": 4}})
    assert drawn.count('class="arrow') == 2
    assert ("100% of the entries" in drawn) and (far == "2^-9" or "25% of the entries" in drawn)
