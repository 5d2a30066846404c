"""Many checks of one file, each in a process of its own, so that none ends the others."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gradproof.campaign.processes import in_processes
from gradproof.campaign.run import Progress
from gradproof.campaign.task import Done, Task
from gradproof.campaign.watch import LIMIT, Watch
from gradproof.checking.check import FIRST, verdict_of
from gradproof.checking.record import Check, subject_of
from gradproof.errors import InputError, told
from gradproof.subject.load import import_from
from gradproof.subject.traceback_place import blame


@dataclass(frozen=True)
class Options:
    """How many cases of each check are drawn, from which seed, and how.

    only     names of checks; all, if empty
    limit    seconds that a case may take
    save     folder for the smallest cases; None: they are not written
    """

    cases: int = 100
    seed: int = 0
    jobs: int = 0
    limit: float = LIMIT
    only: tuple[str, ...] = ()
    save: Path | None = None


def checks_at(where: str) -> dict[str, Check]:
    """The checks that ``file.py``, ``package.module`` or either with ``:name`` has.

    Without a name they are called `checks`.

    Raises    InputError where there are none
    """
    place, _, name = where.partition(":")
    name = name or "checks"
    path = Path(place)
    folder, module = (path.parent.absolute(), path.stem) if path.suffix == ".py" else (None, place)
    if folder is not None and not path.is_file():
        raise InputError(f"there is no file {place}")
    try:
        module_found = import_from(folder or Path.cwd(), module)
    except Exception as error:
        raise InputError(f"{place} cannot be imported: {told(error)}") from error
    found = getattr(module_found, name, None)
    if not isinstance(found, Mapping) or not all(isinstance(c, Check) for c in found.values()):
        known = getattr(module_found, "checks", None)
        if isinstance(known, Mapping) and name in known:
            raise InputError(f"{name} is one of the checks of {place}; write {place} --only {name}")
        raise InputError(
            f"{place} has no {name} = {{name: gradproof.Check(func, reference, inputs), …}}; write "
            "one, or give --reference to judge one function"
        )
    return dict(found)


def check_many(where: str, options: Options, progress: Progress) -> list[dict[str, Any]]:
    """Judge all checks of a file; each answer is what `Verdict.as_json` returns.

    What cannot be judged has its reason under "unjudged", and no "checks".

    Raises    InputError where there are no checks, or none of a name that was asked for
    """
    checks = checks_at(where)
    unknown = [name for name in options.only if name not in checks]
    if unknown:
        raise InputError(f"{where} has no check {unknown[0]}; it has {', '.join(checks)}")
    names = options.only or tuple(checks)
    tasks = [Task("layer", name, options.cases, options.seed) for name in names]
    work = partial(_done, where, options.save)
    answers = {}
    with tempfile.TemporaryDirectory() as folder, progress(len(tasks)) as announce:
        kept = "nothing was kept"
        for done in in_processes(work, tasks, options.jobs, Path(folder), kept, options.limit):
            answers[done.task.target] = done.extra
            announce(done)
    return [answers[name] for name in names]


def _done(where: str, save: Path | None, task: Task, watch: Watch) -> Done:
    """Judge one check, in a worker."""
    torch.set_num_threads(1)
    name = task.target
    if FIRST in dict(task.lost):
        return _unjudged(task, dict(task.lost)[FIRST])
    try:
        subject = subject_of({name: checks_at(where)[name]})
        verdict = verdict_of(subject, name, task.count, task.seed, task.lost, watch)
    except InputError as error:
        return _unjudged(task, str(error))
    except Exception as error:  # noqa: BLE001  (the others are judged all the same)
        said, place = blame(error)
        return _unjudged(task, f"a case could not be judged: {said} (at {place})")
    if save is not None and verdict.smallest is not None:
        verdict.save(save / name)
    return Done(task, examples=len(verdict.judgements), extra=verdict.as_json() | {"name": name})


def _unjudged(task: Task, reason: str) -> Done:
    return Done(task, extra={"name": task.target, "agrees": False, "unjudged": reason})


def status(answers: Sequence[Mapping[str, Any]]) -> int:
    """The exit status: 1 if something disagrees, 2 if something could not be judged, else 0."""
    if any(not answer["agrees"] and "unjudged" not in answer for answer in answers):
        return 1
    return 2 if any("unjudged" in answer for answer in answers) else 0
