"""``python -m benchmarks.mutation``: small changes in the judge's own code, and which tests see."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from gradproof.storage.atomic import write_json
from gradproof.storage.environment import environment
from gradproof.storage.journal import read

if TYPE_CHECKING:
    from benchmarks.mutation.mutated import Mutant

ROOT = Path(__file__).parents[2]

# They read the repository's sources, need a browser, time something or test `manual` by itself.
LEFT_OUT = """
house/test_architecture house/test_mirror docs/test_contributing report/test_browser
reports/test_textbook benchmarks/test_bench benchmarks/test_mutation benchmarks/test_rivals
manual/test_clip manual/test_constants manual/test_init
""".split()


def main(arguments: list[str] | None = None) -> int:
    """Draw mutants, try the tests on each, write mutation.csv and mutation.json, show the rest.

    Returns   the exit status: 0, or 2 when it could not run
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "reports/judge", help="where to write")
    parser.add_argument("--mutants", type=int, default=400, help="how many to draw")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same")
    parser.add_argument("--jobs", type=int, default=1, help="mutants that are tried at a time")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "build/mutation",
        help="where the copy lies; what is done in it for the same commit and options counts",
    )
    options = parser.parse_args(arguments)
    if min(options.mutants, options.jobs) < 1 or options.seed < 0:
        parser.error("--mutants and --jobs are numbers from 1 up, --seed one from 0 up")
    try:
        from benchmarks.mutation import output
    except ImportError as error:
        print(f"mutation: {error}; `make mutation` sets up what it needs", file=sys.stderr)
        return 2
    folder = options.folder.resolve()
    try:
        began = time.monotonic()
        place = environment(ROOT, options.out.resolve())
        wanted = {"seed": options.seed, "drawn": options.mutants, "commit": place["commit"]}
        mutants, total = _prepare(folder, wanted)
        _try(folder, options.jobs, len(mutants))
        outcomes, unfit = _outcomes(folder)
        left = output.survivors(mutants, outcomes, output.reviews(options.out))
        about = {
            "seed": options.seed,
            "mutants": total,
            "score": output.score(len(mutants), left),
            "tests that do not pass in the copy": unfit,
            "seconds": round(time.monotonic() - began),
            "environment": place,
        }
        output.write(options.out, left, about)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"mutation: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mutation: interrupted; the same command continues where it was", file=sys.stderr)
        return 2
    output.show(left, about)
    print(f"figures: {options.out}/mutation.csv, mutation.json")
    return 0


def _prepare(folder: Path, wanted: dict[str, Any]) -> tuple[list[Mutant], int]:
    """The mutants drawn, and of how many; those of before where the same were wanted."""
    from benchmarks.mutation.mutated import Mutant, copy

    drawn = folder / "mutants.json"
    found = json.loads(drawn.read_text()) if drawn.exists() else {}
    if found.get("wanted") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        mutants, total = copy(ROOT, folder / "copy", wanted["drawn"], wanted["seed"])
        rows = [asdict(mutant) for mutant in mutants]
        found = {"wanted": wanted, "total": total, "mutants": rows}
        write_json(drawn, found)
    return [Mutant(**row) for row in found["mutants"]], found["total"]


def _try(folder: Path, jobs: int, mutants: int) -> None:
    """Every mutant in the copy, in a process that has only the copy's code."""
    root = folder / "copy"
    left_out = [f"--ignore=tests/{name}.py" for name in LEFT_OUT]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    hits = {"PYTHONPATH": str(root), "MUTATION_HITS": str(folder / "hits")}
    command = [sys.executable, "-m", "benchmarks.mutation.trials", folder, str(jobs), "tests"]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, *left_out],
            cwd=root,
            env={**os.environ, "GRADPROOF_PROFILE": "quick", **one, **hits},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _watch(process, folder / "results.jsonl", mutants)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)  # with what it has forked
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, f"trials, see {folder}/log.txt")


def _watch(process: subprocess.Popen[bytes], results: Path, mutants: int) -> None:
    """A bar of the mutants of which something is known, until the process ends."""
    with Progress(console=Console(stderr=True)) as bar:
        line = bar.add_task("recording what the tests call", total=mutants)
        while process.poll() is None:
            if tried := _tried(results):
                found = Counter(tried.values())
                left = f", {found['survived so far']} to be tried further"
                bar.update(
                    line, completed=len(tried), description=f"{found['killed']} killed{left}"
                )
            time.sleep(1)


def _tried(results: Path) -> dict[str, str]:
    """The last outcome of each mutant."""
    return {row["key"]: row["outcome"] for row in read(results)}


def _outcomes(folder: Path) -> tuple[dict[str, str], list[str]]:
    """What came of each mutant; and the tests that fail in the copy even without one."""
    calls = json.loads((folder / "calls.json").read_text())
    return (
        _tried(folder / "results.jsonl"),
        [test for test, (_, passed, _) in calls.items() if not passed],
    )


if __name__ == "__main__":
    sys.exit(main())
