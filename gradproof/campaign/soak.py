"""The soak: very many networks, of which right code should have none flagged.

Whatever is flagged is a false alarm or a true find, and is kept as a counterexample; of the rest
only counts are. Each shard of networks is recorded in a journal when it is finished, so a soak may
be broken off in any way, and goes on where it was. A shard is judged again once its line is
deleted.
What the journal holds in all is published when a soak ends.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from pathlib import Path
from time import monotonic, perf_counter
from typing import TypeAlias

from gradproof.campaign.plan import SHARD
from gradproof.campaign.processes import in_processes, subject_at
from gradproof.campaign.soak_record import SHORT, Disagreement, Shard, Shards, recording
from gradproof.campaign.task import Done, Task
from gradproof.campaign.watch import LIMIT, Watch, unwatched
from gradproof.campaign.worker import examined
from gradproof.cases.case import NetworkCase
from gradproof.errors import InputError
from gradproof.storage.atomic import now, try_writing, write_json
from gradproof.storage.environment import environment
from gradproof.subject.subject import Subject

FILE, JOURNAL = "soak.json", "rows/soak.jsonl"
"""In the folder that --out names: what is published, and the shards that it is the sum of."""
_BEYOND, _PER_SEED, _PER_SHARD = 10**18, 10**14, 10**7
"""A task's seed is beyond those of `campaign.plan`; a shard's draws take up to 4·10⁶ from it on."""
_PLACES = "inputs", "parameters", "dy"
Progress: TypeAlias = Callable[[int, int, int], AbstractContextManager[Callable[[Shard], None]]]


@dataclass(frozen=True)
class Options:
    """A soak's options, as the command line gives them.

    minutes   after which no further shard is begun
    limit     seconds that a case may take; math.inf for no limit
    """

    networks: int = 200_000
    seed: int = 0
    jobs: int = 0
    out: Path = Path("reports/judge")
    minutes: float = math.inf
    limit: float = LIMIT


@dataclass(frozen=True)
class Tally:
    """What came of some networks; a network is flagged when it disagrees or errs."""

    networks: int
    arrays: int
    flagged: int


@dataclass(frozen=True)
class Summary:
    """The sum of some shards, as soak.json has it.

    distinct      networks, less those that an earlier shard had drawn
    false_alarms  networks that were flagged
    by_commit     in the order in which they were first judged
    rate          networks that one process judges in a minute
    since, until  when the first shard was begun and the last finished, in UTC; "" without any
    """

    networks: int
    distinct: int
    vacuous: int
    arrays: int
    false_alarms: int
    disagreements: tuple[Disagreement, ...]
    verdicts: dict[str, int]
    dtypes: dict[str, int]
    hazards: dict[str, int]
    kinks: int
    samples: int
    seeds: tuple[int, ...]
    by_commit: dict[str, Tally]
    rate: float
    since: str
    until: str


def summarise(shards: Iterable[Shard]) -> Summary:
    """The sum of some shards."""
    shards = sorted(shards, key=lambda s: (s.finished, s.seed, s.shard))
    total = _tally(shards)
    verdicts = _sum(s.verdicts for s in shards)
    seconds = sum(s.seconds for s in shards)
    begun = [datetime.fromisoformat(s.finished) - timedelta(seconds=s.seconds) for s in shards]
    short = [digest for s in shards for digest in _short(s)]
    commits = dict.fromkeys(s.commit for s in shards)
    return Summary(
        total.networks,
        total.networks - len(short) + len(set(short)),
        verdicts.get("vacuous", 0),
        total.arrays,
        total.flagged,
        tuple(d for s in shards for d in s.disagreements),
        verdicts,
        _sum(s.dtypes for s in shards),
        _sum(s.hazards for s in shards),
        sum(s.kinks for s in shards),
        sum(s.samples for s in shards),
        tuple(sorted({s.seed for s in shards})),
        {name: _tally([s for s in shards if s.commit == name]) for name in commits},
        60 * total.networks / seconds if seconds else 0.0,
        min(begun).isoformat(timespec="seconds") if begun else "",
        shards[-1].finished if shards else "",
    )


def _tally(shards: list[Shard]) -> Tally:
    return Tally(
        sum(s.networks for s in shards),
        sum(s.arrays for s in shards),
        sum(s.flagged for s in shards),
    )


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))


def _short(shard: Shard) -> Iterator[bytes]:
    together = base64.b64decode(shard.short)
    return (together[i : i + 6] for i in range(0, len(together), 6))


def soak(root: Path, subject: Subject, options: Options, progress: Progress) -> list[Shard]:
    """Judge what is not yet recorded, and publish the sum of all that is.

    Returns     the finished shards among those asked for

    progress    progress(networks, of them recorded, of them flagged) is a context in which each
                finished shard is announced

    Raises    InputError when it cannot begin or go on, KeyboardInterrupt after Ctrl-C
    """
    until = monotonic() + 60 * options.minutes
    if subject.unfinished:
        raise InputError(subject.unfinished)
    tasks = plan(subject, options)
    folder = root / options.out
    try_writing((folder / JOURNAL).parent, ", or choose another one with --out")
    place = environment(root, folder)
    with recording(folder / JOURNAL) as (recorded, append):
        done = _standing(recorded, tasks)
        left = [task for key, task in tasks.items() if key not in done]
        by_task = {task: key for key, task in tasks.items()}
        work = partial(_work, root, folder)
        kept = "the finished shards are recorded; the same command continues"
        begun = takewhile(lambda _: monotonic() < until, left)
        flagged = sum(s.flagged for s in done.values())
        networks = sum(s.networks for s in done.values())
        with progress(options.networks, networks, flagged) as announce:
            for finished in in_processes(work, begun, options.jobs, folder, kept, options.limit):
                key = by_task[replace(finished.task, lost=())]
                done[key] = recorded[key] = _shard(key, finished, place["commit"])
                append(done[key])
                announce(done[key])
        found = asdict(summarise(recorded.values()))
        write_json(folder / FILE, found | {"environment": place})
    return list(done.values())


def plan(subject: Subject, options: Options) -> dict[tuple[int, int], Task]:
    """The task of each shard, by seed and number.

    Raises    InputError when the subject has no networks
    """
    name = next((n for n, kind in subject.layers.items() if kind is subject.net), None)
    if name is None:
        raise InputError(f"{subject.name} has no networks to draw; its Subject lacks net or a rule")
    first = _BEYOND + _PER_SEED * options.seed
    return {
        (options.seed, i): Task(
            "network", name, min(SHARD, options.networks - i * SHARD), first + _PER_SHARD * i
        )
        for i in range(-(-options.networks // SHARD))
    }


def _standing(recorded: Shards, tasks: dict[tuple[int, int], Task]) -> Shards:
    """The recorded shards in which no fewer networks were asked for than now."""
    return {
        key: recorded[key]
        for key, task in tasks.items()
        if key in recorded and recorded[key].asked >= task.count
    }


def _work(root: Path, folder: Path, task: Task, watch: Watch = unwatched) -> Done:
    """Judge a shard: counts in `extra`, counterexamples of what is flagged in `folder`."""
    subject = subject_at(root)
    since = perf_counter()
    done = Done(task)
    dtypes: Counter[str] = Counter()
    hazards: Counter[str] = Counter()
    faults: dict[tuple[str, str], Disagreement] = {}
    short, kinks, samples = b"", 0, 0
    for drawn, counterexample in examined(subject, folder, done, watch):
        case, judgement = drawn.case, drawn.judgement
        assert isinstance(case, NetworkCase)
        dtypes[case.dtype] += 1
        hazards.update(map(" ".join, zip(_PLACES, case.hazards, strict=True)))
        if len(case.layer.steps) <= SHORT:
            short += bytes.fromhex(case.digest)
        kinks += judgement.kink
        samples += judgement.floors
        culprit = judgement.culprit
        if judgement.flagged and culprit is not None:
            key = (culprit.kind, culprit.quantity)
            known = faults.get(key, Disagreement(*key, 0, ""))
            faults[key] = Disagreement(
                *key, known.networks + 1, known.counterexample or counterexample
            )
    done.extra = {
        "seconds": perf_counter() - since,
        "disagreements": tuple(faults.values()),
        "dtypes": dict(dtypes),
        "hazards": dict(hazards),
        "kinks": kinks,
        "samples": samples,
        "short": base64.b64encode(short).decode(),
    }
    return done


def _shard(key: tuple[int, int], done: Done, commit: str) -> Shard:
    return Shard(
        shard=key[1],
        seed=key[0],
        asked=done.task.count,
        networks=done.examples,
        arrays=done.arrays,
        commit=commit,
        finished=now(),
        verdicts=done.verdicts,
        **done.extra,
    )
