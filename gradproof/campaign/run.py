"""A run: plan the tasks, do them in parallel, keep what is finished."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from gradproof.campaign.plan import Options, plan
from gradproof.campaign.processes import in_processes
from gradproof.campaign.summary import pace, summarise
from gradproof.campaign.task import Done
from gradproof.campaign.worker import run_task
from gradproof.errors import InputError
from gradproof.storage.atomic import now, try_writing, write_json
from gradproof.storage.environment import environment
from gradproof.storage.part_file import make_folders
from gradproof.subject.subject import Subject

Progress: TypeAlias = Callable[[int], AbstractContextManager[Callable[[Done], None]]]


def run(
    root: Path, subject: Subject, options: Options, progress: Progress
) -> tuple[Path, dict[str, Any]]:
    """Do a whole run; returns its folder and the contents of its run.json.

    progress    progress(number of tasks): a context that yields a function to call with each result

    Raises    InputError when the run cannot start
    """
    if subject.unfinished:
        raise InputError(subject.unfinished)
    tasks = plan(subject, options)
    folder, about = _begin(root, options, subject.conventions)
    done: list[Done] = []
    started = time.monotonic()
    work = partial(run_task, root, folder, about["run"], fail_fast=options.fail_fast)
    kept = f"its finished rows are kept in {folder}: gradproof report {folder}"
    jobs = min(options.jobs or os.cpu_count() or 1, len(tasks)) or 1
    try:
        with progress(len(tasks)) as announce:
            for finished in in_processes(work, tasks, jobs, folder, kept, options.limit):
                done.append(finished)
                announce(finished)
                if options.fail_fast and finished.failed:
                    about["stopped"] = True
                    break
            else:
                about["finished"] = now()
    except KeyboardInterrupt:
        about["interrupted"] = True
    about["seconds"] = {"judging": time.monotonic() - started}
    about |= summarise(done) | pace(done, jobs)
    write_json(folder / "run.json", about)
    return folder, about


def _begin(
    root: Path, options: Options, conventions: Mapping[str, str]
) -> tuple[Path, dict[str, Any]]:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    folder = root / options.runs / name
    try_writing(root / options.out, ", or choose another one with --out")
    try_writing(root / options.runs)
    make_folders(folder)
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
