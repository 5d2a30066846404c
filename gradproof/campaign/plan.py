"""What a run does: its profile, its options and its tasks."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradproof.campaign.task import Task
from gradproof.campaign.watch import LIMIT
from gradproof.errors import InputError
from gradproof.subject.subject import Subject

SHARD = 200
"""Networks in one task."""


@dataclass(frozen=True)
class Profile:
    """How much a run does.

    networks     to draw;  cases: of each layer and optimiser;  steps: of training
    sensitivity  cases of each layer and dtype in which smaller and smaller errors are planted
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
    skip       names of layers and optimisers that are left out; networks may hold them still
    cases      of each layer and optimiser, or None for the profile's number
    limit      seconds that a case may take; math.inf for no limit
    fail_fast  whether to stop at the first disagreement or error
    """

    profile: str = "default"
    examples: int | None = None
    seed: int = 0
    layers: tuple[str, ...] = ()
    jobs: int = 0
    limit: float = LIMIT
    out: Path = Path("reports/latest")
    skip: tuple[str, ...] = ()
    cases: int | None = None
    runs: Path = Path("reports/runs")
    fail_fast: bool = False


def plan(subject: Subject, options: Options) -> list[Task]:
    """The tasks of a run, the slowest first.

    Raises    InputError for an unknown profile or layer
    """
    if options.profile not in PROFILES:
        raise InputError(
            f"unknown profile {options.profile!r}; choose one of {', '.join(PROFILES)}"
        )
    profile = PROFILES[options.profile]
    known = known_kinds(subject, (*options.layers, *options.skip))
    networks = [n for n, k in subject.layers.items() if k is subject.net]
    names = [name for name in options.layers or known if name not in options.skip]
    if not names:
        raise InputError("all layers are skipped; leave one in")
    cases = options.cases or profile.cases
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
        tasks.append(Task(source, name, cases, options.seed))
        if source == "layer":
            tasks.append(Task("sensitivity", name, profile.sensitivity, options.seed))
    return tasks


def known_kinds(subject: Subject, asked: Sequence[str]) -> list[str]:
    """The names of all layers and optimisers.

    Raises    InputError when a name in `asked` is unknown
    """
    known = [kind.__name__ for kind in (*subject.rules, *subject.optimizers)]
    unknown = [name for name in asked if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"unknown layer {unknown[0]!r}; {meant}the layers are {', '.join(known)}")
    return known
