"""The example of a report, reports/example: `python -m reports.make_example` writes it anew."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from gradproof import report, terminal
from gradproof.campaign import plan, run
from gradproof.errors import InputError
from gradproof.report.load import TABLES, Run, load
from gradproof.report.tables import PARTS
from gradproof.rounding.bound import BLIND
from gradproof.storage.atomic import write_json
from gradproof.subject.load import load_subject

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "reports" / "example"
NAME = "example"
"""What its run is called: with a name of its own each time, every row would change."""
MEASURED = {"worst_index", "floors", "max_ulp_diff"} | set(PARTS)
"""Columns that differ from one processor or run to another."""


def judge(runs: Path, jobs: int = 0) -> tuple[Path, dict[str, Any]]:
    """Do the example's run; returns its folder, below `runs`, and what stands in its run.json.

    jobs    processes; 0 for one a core
    """
    options = plan.Options("example", jobs=jobs, out=runs, runs=runs)
    folder, about = run.run(ROOT, load_subject(ROOT), options, terminal.progress)
    for path in (folder / "run.json", *folder.glob("parts/*.jsonl")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(about["run"], NAME), encoding="utf-8")
    info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    write_json(folder / "run.json", info | {"rows": fingerprints(load(folder))})
    return folder, about


def fingerprints(run: Run) -> dict[str, str]:
    """Per table how many rows there are, and a hash of them.

    The rows themselves are too many to keep. A hash tells whether other cases were drawn or judged
    otherwise; it leaves out what was measured, as another processor rounds otherwise: numbers
    (but for NaN and infinity), the index of the worst entry, how often a noise floor was needed,
    and whether a bound is as large as the values, where next to nothing is left of them.
    """
    found = {}
    for name, schema in TABLES.items():
        rows = getattr(run, name).copy()
        if "cause" in rows:
            blind = (rows["verdict"] == "vacuous") & (rows["cause"] == BLIND)
            rows.loc[blind, ["verdict", "cause"]] = "agree", ""
        for field in fields(schema):
            if field.name in MEASURED:
                rows[field.name] = "#"
            elif str(field.type) == "float":
                rows[field.name] = rows[field.name].where(~np.isfinite(rows[field.name]), 0.0)
        text = rows.to_csv(index=False, na_rep="nan", lineterminator="\n")
        found[name] = f"{len(rows)} rows, {sha256(text.encode()).hexdigest()[:16]}"
    return found


def write(folder: Path, out: Path) -> None:
    """Write the report of the run in this folder into `out`."""
    subject = load_subject(ROOT)
    report.write(folder, out, subject.sections() if subject.sections else (), files=())
    (out / "counterexamples").rmdir()  # of a run that agrees there are none


def main() -> int:
    """Replace reports/example; returns 1 and leaves it as it is when the run does not agree."""
    with TemporaryDirectory() as runs:
        try:
            folder, about = judge(Path(runs))
            if not about["finished"] or about["verdict"] != "agree":
                print(
                    "make_example: the run was stopped or does not agree, and is no example; "
                    "see what make verify says",
                    file=sys.stderr,
                )
                return 1
            write(folder, FOLDER)
        except InputError as error:
            print(f"make_example: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
