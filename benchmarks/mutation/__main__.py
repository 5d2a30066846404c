"""``python -m benchmarks.mutation``: small changes in the judge's own code, and which its tests see."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[2]

# They read the repository itself, need a browser or time something: none of them tests the judge.
LEFT_OUT = """
architecture bench clip constants contributing example init mirror mutation report_browser rivals
textbook
""".split()


def main(arguments: list[str] | None = None) -> int:
    """Draw mutants, try the tests on each, write mutation.csv and mutation.json, show the rest.

    Returns   the exit status: 0, or 2 when it could not run
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "reports/judge", help="where to write")
    parser.add_argument("--mutants", type=int, default=600, help="how many to draw")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same")
    parser.add_argument("--jobs", type=int, default=1, help="mutants that are tried at a time")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "build/mutation",
        help="where the copy lies; what is done in it counts, until it is removed at the end",
    )
    options = parser.parse_args(arguments)
    if min(options.mutants, options.jobs) < 1 or options.seed < 0:
        parser.error("--mutants and --jobs are numbers from 1 up, --seed one from 0 up")
    try:
        from benchmarks.mutation import output
        from benchmarks.mutation.mutated import Mutant, copy
    except ImportError as error:
        print(f"mutation: {error}; `make mutation` sets up what it needs", file=sys.stderr)
        return 2
    from gradproof.environment import commit, environment

    folder, began = options.folder.resolve(), time.monotonic()
    wanted = {"seed": options.seed, "drawn": options.mutants, "commit": commit(ROOT)}
    drawn = folder / "mutants.json"
    try:
        if not drawn.exists() or json.loads(drawn.read_text())["of"] != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            mutants, total = copy(ROOT, folder / "copy", options.mutants, options.seed)
            rows = [asdict(m) for m in mutants]
            drawn.write_text(json.dumps({"of": wanted, "total": total, "mutants": rows}))
        _try(folder, options.jobs)
        found = json.loads(drawn.read_text())
        mutants = [Mutant(**row) for row in found["mutants"]]
        lines = (folder / "results.jsonl").read_text().splitlines()
        outcomes = {row["key"]: row["outcome"] for row in map(json.loads, lines)}
        left = output.survivors(mutants, outcomes, output.reviews())
        about = {
            "seed": options.seed,
            "mutants": found["total"],
            "score": output.score(len(mutants), left),
            "tests": found.get("tests", 0),
            "seconds": time.monotonic() - began,
            "environment": environment(ROOT),
        }
        output.write(options.out, left, about)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"mutation: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"mutation: interrupted; the same command goes on in {folder}", file=sys.stderr)
        return 2
    output.show(left, about)
    shutil.rmtree(folder)
    print(f"figures: {options.out}/mutation.csv, mutation.json")
    return 0
