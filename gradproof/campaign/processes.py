"""Doing tasks in parallel, each in one of a few processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import torch

from gradproof.campaign.task import Done, Task
from gradproof.campaign.watch import LIMIT, Watch, forget_cases, lost_case, watching
from gradproof.errors import InputError, in_one_line
from gradproof.subject.load import load_subject
from gradproof.subject.subject import Subject

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def in_processes(
    work: Callable[[Task, Watch], Done],
    tasks: Iterable[Task],
    jobs: int,
    folder: Path,
    kept: str,
    limit: float = LIMIT,
) -> Iterator[Done]:
    """`parallel`; a task whose process dies is begun again without the case that ended it.

    folder   of the run, in which the traceback of a failure is written, as crash.txt
    kept     a sentence on what is kept of the finished tasks
    limit    seconds that a case may take; math.inf for no limit

    Raises   InputError when a task cannot be done
    """
    watched = partial(_watched, work, folder, limit)

    def begin_again(task: Task) -> Task:
        digest, reason = lost_case(folder, task.name, limit)
        if not digest or digest in dict(task.lost):
            raise InputError(f"a worker process failed in {task.name}: {reason}; {kept}")
        return replace(task, lost=(*task.lost, (digest, reason)))

    try:
        yield from parallel(watched, tasks, jobs, begin_again)
    except InputError:
        raise
    except Exception as error:
        crash = folder / "crash.txt"
        text = "".join(traceback.format_exception(error))
        crash.write_text(text, encoding="utf-8")
        said = in_one_line(error, 300)
        raise InputError(
            f"a case could not be drawn or judged: {said}; the traceback is in "
            f"{crash}: correct the strategy, the twin or the layer that it names"
        ) from error
    finally:
        forget_cases(folder)


def _watched(work: Callable[[Task, Watch], Done], folder: Path, limit: float, task: Task) -> Done:
    with watching(folder, task.name, limit) as watch:
        return work(task, watch)


def parallel(
    work: Callable[[_Given], _Made],
    tasks: Iterable[_Given],
    jobs: int,
    begin_again: Callable[[_Given], _Given] | None = None,
) -> Iterator[_Made]:
    """Yield each task's result as it ends. Workers are spawned: torch does not survive a fork.

    work         a function that can be pickled; it runs in a worker
    tasks        taken one by one as workers become free; a task that was taken is finished
    jobs         worker processes (0 = one per core)
    begin_again  begin_again(task): what to do in place of a task whose worker died

    Raises   BrokenProcessPool when a worker dies and nothing says how to go on; whatever `work`
             raises
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
    queue = iter(tasks)
    running: dict[Future[_Made], tuple[_Given, ProcessPoolExecutor]] = {}

    def submit(task: _Given, pool: ProcessPoolExecutor) -> None:
        # Workers ignore Ctrl-C: this process receives it too, and ends them below.
        heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
        running[pool.submit(work, task)] = task, pool
        signal.signal(signal.SIGINT, heard)

    pools = []
    try:
        for task in islice(queue, jobs or os.cpu_count() or 1):
            pools.append(_worker())
            submit(task, pools[-1])
        while running:
            done = wait(running, return_when=FIRST_COMPLETED).done
            for future in [f for f in running if f in done]:
                task, pool = running.pop(future)
                if begin_again and isinstance(future.exception(), BrokenProcessPool):
                    pools.remove(pool)
                    pools.append(_worker())
                    submit(begin_again(task), pools[-1])
                    continue
                for more in islice(queue, 1):
                    submit(more, pool)
                yield future.result()
    finally:
        for pool in pools:  # at the end of the program an idle one may be woken while it closes
            pool.shutdown(wait=not running, cancel_futures=True)
        if running:
            for worker in multiprocessing.active_children():
                worker.terminate()


def _worker() -> ProcessPoolExecutor:
    """A process of its own, so that its end is that of one task."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, spawn, initializer=begin_worker)


def begin_worker() -> None:
    """End this worker when the process that started it ends, even if that was killed."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@cache
def subject_at(root: Path) -> Subject:
    """The subject, loaded once in each process."""
    torch.set_num_threads(1)
    subject = load_subject(root)
    gc.freeze()  # the collector need not walk through all of PyTorch again and again: 5 to 10 %
    return subject
