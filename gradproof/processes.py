"""Doing tasks in parallel, each in one of a few processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import TypeVar

from gradproof.errors import InputError
from gradproof.worker import Done, Task, end_with_parent

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def in_processes(
    work: Callable[[Task], Done], tasks: Iterable[Task], jobs: int, folder: Path, kept: str
) -> Iterator[Done]:
    """`parallel`, with one clear sentence for what goes wrong.

    folder   where the traceback of a crash is written
    kept     what remains of the tasks that are done when a worker dies

    Raises   InputError when a worker dies or a task cannot be done
    """
    try:
        yield from parallel(work, tasks, jobs)
    except BrokenProcessPool as error:
        raise InputError(f"a worker process was killed (out of memory?); {kept}") from error
    except InputError:
        raise
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        (folder / "crash.txt").write_text(text, encoding="utf-8")
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(
            f"a case could not be drawn or judged: {said}; the traceback is in "
            f"{folder / 'crash.txt'}: mend the strategy, the twin or the layer that it names"
        ) from error


def parallel(
    work: Callable[[_Given], _Made], tasks: Iterable[_Given], jobs: int
) -> Iterator[_Made]:
    """Every task's outcome as it comes. Workers are spawned: torch does not survive a fork.

    work     done in a worker, so a function that can be sent there
    tasks    asked for as workers become free; those that were handed over are finished
    jobs     processes; 0 for one a core

    Raises   BrokenProcessPool when a worker dies, and whatever `work` raises
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
    jobs = jobs or os.cpu_count() or 1
    queue = iter(tasks)
    first = list(islice(queue, 2 * jobs))  # a worker that is done has the next one at hand
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(first)) or 1, context, initializer=end_with_parent)
    # Workers inherit that Ctrl-C is ignored: this process hears it too, and ends them below.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    waiting: list[Future[_Made]] = [pool.submit(work, task) for task in first]
    signal.signal(signal.SIGINT, heard)
    try:
        while waiting:
            done = wait(waiting, return_when=FIRST_COMPLETED).done
            ready = [future for future in waiting if future in done]  # in the tasks' order
            waiting = [future for future in waiting if future not in done]
            waiting += [pool.submit(work, task) for task in islice(queue, len(ready))]
            for future in ready:
                yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if waiting:
            for worker in multiprocessing.active_children():
                worker.terminate()
