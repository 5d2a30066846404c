"""The judge on trial: all planted bugs are hunted in parallel; each finished one is kept."""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

from gradproof.campaign.plan import PROFILES, known_kinds
from gradproof.campaign.processes import parallel, subject_at
from gradproof.errors import InputError
from gradproof.mutation.bug import Bug, BugError
from gradproof.mutation.generate import automatic, callers, users
from gradproof.mutation.hunt import Grounds, Hunted, hunt
from gradproof.mutation.score import CAUSES, Row, names
from gradproof.storage import journal
from gradproof.storage.atomic import try_writing
from gradproof.subject.subject import Subject

LIMIT = 60.0
"""Seconds for one bug; a process that has not come back after twice as many is ended."""
CHUNK = 8
"""Bugs handed to a process at a time."""
PROFILE = "default"
"""The profile whose cases the bugs are hunted in."""
JOURNAL = "rows/mutants-{seed}.jsonl"
"""In the folder that --out names: every bug that was begun, and a row of each finished one."""
Progress: TypeAlias = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Options:
    """What the command line gives.

    layers   names of the only layers whose bugs are hunted; empty for all
    only     catalogue or automatic; "" for both
    """

    layers: tuple[str, ...] = ()
    jobs: int = 0
    seed: int = 0
    out: Path = Path("reports/judge")
    only: str = ""


@dataclass(frozen=True)
class Target:
    """A bug to hunt.

    kinds    layers whose cases are judged;  callers: those that may rightly be blamed
    reason   why it is harmless, or why it is known to survive
    """

    bug: Bug
    group: str
    kinds: tuple[str, ...]
    callers: tuple[str, ...]
    reason: str
    key: str


def run(root: Path, subject: Subject, options: Options, progress: Progress) -> list[Row]:
    """Hunt every bug that no earlier run with this seed has finished; returns all rows.

    progress    progress(number of bugs) is a context in which finished ones are announced

    Raises    InputError when it cannot begin, or a bug of the catalogue cannot be planted
    """
    if subject.unfinished:
        raise InputError(subject.unfinished)
    known_kinds(subject, options.layers)
    targets = plan(root, subject, options)
    if not targets:
        raise InputError("there is no bug to hunt: the subject names none, and none can be made")
    kept = root / options.out / JOURNAL.format(seed=options.seed)
    try_writing(kept.parent, ", or choose another one with --out")
    by_key = {row.key: row for row in read(kept)}
    missing = [t for t in targets if t.key not in by_key]
    with progress(len(targets)) as announce:
        announce(len(targets) - len(missing))
        while missing:
            chunks = [missing[i : i + CHUNK] for i in range(0, len(missing), CHUNK)]
            work = partial(_hunt_some, root, kept, options.seed)
            try:
                for count in parallel(work, chunks, options.jobs):
                    announce(count)
            except BrokenProcessPool:
                lost = _begun(kept) - {row.key for row in read(kept)}
                for target in (t for t in missing if t.key in lost):
                    _alone(root, kept, target, options)
            by_key = {row.key: row for row in read(kept)}
            missing = [t for t in missing if t.key not in by_key]
    return [replace(by_key[t.key], reason=t.reason) for t in targets]


def plan(root: Path, subject: Subject, options: Options) -> list[Target]:
    """Everything to hunt, those of one layer together, the automatic bugs last."""
    through, blamed = users(subject), callers(subject)
    reasons = subject.survivors() if subject.survivors is not None else {}
    bugs: list[tuple[Bug, str, str]] = []
    if options.only != "automatic":
        if subject.bugs is not None:
            bugs += [(bug, "catalogue", "") for bug in subject.bugs()]
        if subject.harmless is not None:
            bugs += [(bug, "harmless", proof) for bug, proof in subject.harmless()]
    if options.only != "catalogue":
        bugs += [(bug, "automatic", reasons.get(bug.name, "")) for bug in automatic(subject)]
    state = _state_of_the_code(root)
    targets = []
    for bug, group, reason in bugs:
        own = through.get(bug.function, (bug.kind,)) if group == "automatic" else (bug.kind,)
        if options.layers and not set(own) & set(options.layers):
            continue
        _check(subject, bug)
        may = tuple(sorted({bug.kind, *own, *blamed.get(bug.function, ())}))
        key = _digest(repr((bug, group, own, options.seed)), state)
        targets.append(Target(bug, group, own, may, reason, key))
    return sorted(targets, key=lambda t: (t.group == "automatic", t.kinds[0]))


def _check(subject: Subject, bug: Bug) -> None:
    known = {k.__name__ for k in (*subject.rules, *subject.optimizers)}
    if bug.kind not in known:
        raise InputError(f"the bug {bug.name!r} is in {bug.kind}, which the subject does not have")
    if bug.cause and bug.cause not in CAUSES:
        raise InputError(
            f"the bug {bug.name!r} has the cause {bug.cause!r}; choose one of {', '.join(CAUSES)}"
        )
    try:
        with bug.planted():
            pass
    except BugError as error:
        raise InputError(f"a bug cannot be planted: {error}") from error


def _state_of_the_code(root: Path) -> str:
    """A digest of every module of the project that is loaded, and of the judge."""
    paths = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    files = {Path(path) for path in paths if path}
    own = {f for f in files if f.is_relative_to(root) and ".venv" not in f.parts}
    own |= set(Path(__file__).parents[1].rglob("*.py"))
    return _digest(*(f"{f.name}\n{f.read_text(encoding='utf-8')}" for f in sorted(own)))


def _digest(*texts: str) -> str:
    return blake2b("\0".join(texts).encode(), digest_size=8).hexdigest()


def read(path: Path) -> list[Row]:
    """The rows that are finished."""
    found = []
    for line in journal.read(path):
        with suppress(TypeError):  # it was written by another version
            found += [] if "begun" in line else [Row(**line)]
    return found


def _begun(path: Path) -> set[str]:
    return {line["begun"] for line in journal.read(path) if "begun" in line}


def _alone(root: Path, kept: Path, target: Target, options: Options) -> None:
    """Hunt a bug that was there when a process ended: if it ends another one, that is its row."""
    try:
        list(parallel(partial(_hunt_some, root, kept, options.seed), [[target]], jobs=1))
    except BrokenProcessPool:
        journal.append(kept, asdict(_row(target, Hunted(outcome="timeout", seconds=LIMIT))))


@cache
def _grounds(root: Path, seed: int) -> Grounds:
    profile = PROFILES[PROFILE]
    return Grounds(subject_at(root), profile.cases, profile.networks, seed)


def _hunt_some(root: Path, kept: Path, seed: int, targets: Sequence[Target]) -> int:
    grounds = _grounds(root, seed)
    for target in targets:
        journal.append(kept, {"begun": target.key})
        # A loop inside of compiled code hears no signal.
        faulthandler.dump_traceback_later(2 * LIMIT, exit=True)
        every = target.group != "automatic"
        shrink = target.group == "catalogue" or bool(target.bug.cause)
        try:
            found = hunt(grounds, target.bug, target.kinds, LIMIT, shrink, every)
        except Exception as error:
            error.add_note(f"while hunting {target.bug.name}")
            raise
        faulthandler.cancel_dump_traceback_later()
        journal.append(kept, asdict(_row(target, found)))
    return len(targets)


def _row(target: Target, found: Hunted) -> Row:
    bug, outcome = target.bug, found.outcome
    if target.group == "harmless":
        outcome = "harmless" if outcome in ("survived", "equivalent") else "false alarm"
    killed = found.outcome == "killed"
    named = killed and bool(bug.cause) and names(bug.cause, found.quantity, found.cause)
    scored = killed and bool(bug.cause) and (named or found.scored)
    return Row(
        name=bug.name,
        kind=bug.kind,
        function=bug.function,
        old=bug.old,
        new=bug.new,
        group=target.group,
        origin=bug.origin,
        quantities=" ".join(bug.quantities),
        cause_planted=bug.cause,
        outcome=outcome,
        examples=found.examples,
        seconds=round(found.seconds, 4),
        layer_named=found.kind,
        layer_right=found.kind in target.callers if killed else None,
        cause_named=found.cause,
        cause_right=named if scored else None,
        network_layer=found.network,
        network_layer_right=found.network in target.callers if found.network else None,
        shrunk_size=found.size or None,
        reason=target.reason,
        key=target.key,
    )
