"""A run: plan its tasks, do them in parallel, keep what is finished, make the report."""

from __future__ import annotations

import difflib
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeAlias

from gradproof.environment import environment
from gradproof.errors import InputError
from gradproof.processes import in_processes
from gradproof.subject import Subject
from gradproof.whole import write_json
from gradproof.worker import Done, Task, run_task

SHARD = 200
"""Networks in one task."""
MOST_VACUOUS = 0.05
"""The share of networks that may show nothing before the run as a whole shows too little."""
Progress: TypeAlias = Callable[[int], AbstractContextManager[Callable[[Done], None]]]


@dataclass(frozen=True)
class Profile:
    """How much a run does.

    networks     to draw;  cases: of each layer and optimiser;  steps: of training
    sensitivity  cases of each layer and dtype in which ever smaller errors are planted
    """

    networks: int
    cases: int
    steps: int
    sensitivity: int


PROFILES = {
    "quick": Profile(networks=300, cases=20, steps=40, sensitivity=2),
    "default": Profile(networks=2400, cases=100, steps=200, sensitivity=6),
    "deep": Profile(networks=20000, cases=300, steps=200, sensitivity=12),
    "example": Profile(networks=70, cases=4, steps=15, sensitivity=2),
}


@dataclass(frozen=True)
class Options:
    """A run's options, as the command line gives them.

    examples   networks to draw, or None for the profile's number
    layers     names of the only layers to judge; empty for all, and the networks
    """

    profile: str = "default"
    examples: int | None = None
    seed: int = 0
    layers: tuple[str, ...] = ()
    jobs: int = 0
    out: Path = Path("reports/latest")
    runs: Path = Path("reports/runs")


def plan(subject: Subject, options: Options) -> list[Task]:
    """The tasks of a run, the longest first.

    Raises    InputError for an unknown profile or layer
    """
    if options.profile not in PROFILES:
        raise InputError(
            f"unknown PROFILE {options.profile!r}; choose one of {', '.join(PROFILES)}"
        )
    profile = PROFILES[options.profile]
    known = known_kinds(subject, options.layers)
    networks = [n for n, k in subject.layers.items() if k is subject.net]
    names: tuple[str, ...] = options.layers or tuple(known)
    tasks = []
    if not options.layers and subject.trajectories is not None:
        count = len(subject.trajectories(options.profile, options.seed))
        tasks += [Task("trajectory", str(i), profile.steps, options.seed) for i in range(count)]
    total = profile.networks if options.examples is None else options.examples
    for name in (n for n in names if n in networks):
        for shard in range(-(-total // SHARD)):
            count = min(SHARD, total - shard * SHARD)
            tasks.append(Task("network", name, count, options.seed * 1_000_003 + shard))
    for name in (n for n in names if n not in networks):
        source = "layer" if name in subject.layers else "optimizer"
        tasks.append(Task(source, name, profile.cases, options.seed))
        if source == "layer":
            tasks.append(Task("sensitivity", name, profile.sensitivity, options.seed))
    return tasks


def known_kinds(subject: Subject, asked: Sequence[str]) -> list[str]:
    """The names of all layers and optimisers.

    Raises    InputError when one that is asked for is not among them
    """
    known = [kind.__name__ for kind in (*subject.rules, *subject.optimizers)]
    unknown = [name for name in asked if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise InputError(
            f"unknown layer {unknown[0]!r} in LAYERS; {meant}there are {', '.join(known)}"
        )
    return known


def run(
    root: Path, subject: Subject, options: Options, progress: Progress
) -> tuple[Path, dict[str, Any]]:
    """Do a whole run; returns its folder and what stands in its run.json.

    progress    progress(number of tasks) is a context in which each finished task is announced

    Raises    InputError when it cannot begin
    """
    if subject.unfinished:
        raise InputError(subject.unfinished)
    tasks = plan(subject, options)
    folder, about = _begin(root, options, subject.conventions)
    done: list[Done] = []
    started = time.monotonic()
    work = partial(run_task, root, folder, about["run"])
    kept = f"its finished rows are kept in {folder}: gradproof report {folder}"
    jobs = min(options.jobs or os.cpu_count() or 1, len(tasks)) or 1
    try:
        with progress(len(tasks)) as announce:
            for finished in in_processes(work, tasks, jobs, folder, kept):
                done.append(finished)
                announce(finished)
    except KeyboardInterrupt:
        about["interrupted"] = True
    else:
        about["finished"] = now()
    about["seconds"] = {"judging": time.monotonic() - started}
    about |= summarise(done) | pace(done, jobs)
    write_json(folder / "run.json", about)
    return folder, about


def summarise(done: list[Done]) -> dict[str, Any]:
    """The verdict and the counts of the tasks that were finished."""
    done = sorted(done, key=lambda d: d.task.name)  # they come as they are finished
    verdicts: dict[str, int] = {}
    for d in done:
        for verdict, count in d.verdicts.items():
            verdicts[verdict] = verdicts.get(verdict, 0) + count
    networks = [d for d in done if d.task.source == "network"]
    vacuous = sum(d.verdicts.get("vacuous", 0) for d in networks)
    drawn = sum(d.examples for d in networks)
    bad = verdicts.get("disagree", 0) + verdicts.get("error", 0)
    blind = too_vacuous(vacuous, drawn)
    return {
        "verdict": "disagree" if bad or blind else "agree",
        "too vacuous": blind,
        "verdicts": verdicts,
        "counts": {
            "networks": drawn,
            "vacuous networks": vacuous,
            "layer cases": sum(d.examples for d in done if d.task.source == "layer"),
            "optimizer cases": sum(d.examples for d in done if d.task.source == "optimizer"),
            "trajectories": sum(d.task.source == "trajectory" for d in done),
            "arrays": sum(d.arrays for d in done),
        },
        "witnesses": sorted(w for d in done for w in d.witnesses),
        "accuracy": [a for d in done for a in d.extra.get("accuracy", [])],
        "sensitivity": {
            layer: errors for d in done for layer, errors in d.extra.get("sensitivity", {}).items()
        },
    }


def too_vacuous(vacuous: int, networks: int) -> bool:
    """Whether more than 1 in 20 networks are vacuous, beyond three standard deviations of chance.

    Source    the normal approximation of the binomial distribution: np ± 3 √(np (1 − p))
    """
    expected = networks * MOST_VACUOUS
    return vacuous > expected + 3 * math.sqrt(expected * (1 - MOST_VACUOUS))


def pace(done: list[Done], processes: int) -> dict[str, Any]:
    """How fast networks were judged, by the clock; nothing where there were none.

    The time is that from the beginning of the first task of networks to the end of the last one,
    whatever else the processes did in between.
    """
    tasks = [d for d in done if d.task.source == "network"]
    if not tasks:
        return {}
    seconds = max(d.span[1] for d in tasks) - min(d.span[0] for d in tasks)
    networks = sum(d.examples for d in tasks)
    return {
        "pace": {
            "networks": networks,
            "seconds": seconds,
            "processes": processes,
            "networks_per_minute": 60 * networks / seconds,
        }
    }


def _begin(
    root: Path, options: Options, conventions: Mapping[str, str]
) -> tuple[Path, dict[str, Any]]:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    folder = root / options.runs / name
    try_writing(root / options.out, ", or choose another one with --out")
    try_writing(root / options.runs)
    (folder / "parts").mkdir(parents=True)
    (folder / "witnesses").mkdir()
    about = {
        "run": name,
        "started": now(),
        "finished": None,
        "profile": options.profile,
        "seed": options.seed,
        "examples": options.examples,
        "layers": list(options.layers),
        "conventions": dict(conventions),
        "environment": environment(root),
    }
    write_json(folder / "run.json", about)
    return folder, about


def try_writing(folder: Path, otherwise: str = "") -> None:
    """Say now, not after hours of judging, that nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written to ({error.strerror}); make it a folder that can"
            f"{otherwise}"
        ) from error


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
