"""The example of a report, reports/example: `python -m reports.make_example` writes it anew."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gradproof import report, terminal
from gradproof.campaign import plan, run
from gradproof.errors import InputError
from gradproof.subject.load import load_subject

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "reports" / "example"
ROWS = ("agreement.csv", "trajectories.csv", "examples.csv")
"""The rows as text alone, so that a diff shows what changed in them."""
NAME = "example"
"""What its run is called: with a name of its own each time, every row would change."""


def judge(runs: Path, jobs: int = 0) -> tuple[Path, dict[str, Any]]:
    """Do the example's run; returns its folder, below `runs`, and what stands in its run.json.

    jobs    processes; 0 for one a core
    """
    options = plan.Options("example", jobs=jobs, out=runs, runs=runs)
    folder, about = run.run(ROOT, load_subject(ROOT), options, terminal.progress)
    for path in (folder / "run.json", *folder.glob("parts/*.jsonl")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(about["run"], NAME), encoding="utf-8")
    return folder, about


def write(folder: Path, out: Path) -> None:
    """Write the report of the run in this folder into `out`."""
    subject = load_subject(ROOT)
    report.write(folder, out, subject.sections() if subject.sections else (), ROWS)


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
