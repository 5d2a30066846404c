"""Doing tasks in parallel, each in one of a few processes."""

from __future__ import annotations

import faulthandler
import gc
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

import torch

from gradproof.campaign.task import Done, Task
from gradproof.errors import InputError
from gradproof.subject.load import load_subject
from gradproof.subject.subject import Subject
from gradproof.subject.traceback_place import blame_dump

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def in_processes(
    work: Callable[[Task], Done], tasks: Iterable[Task], jobs: int, folder: Path, kept: str
) -> Iterator[Done]:
    """`parallel`, with every failure turned into one clear sentence.

    folder   in which the traceback of a crash is written, as crash.txt
    kept     a sentence on what is kept of the finished tasks

    Raises   InputError when a worker dies or a task cannot be done
    """
    crash = folder / "crash.txt"
    crash.unlink(missing_ok=True)
    try:
        yield from parallel(work, tasks, jobs, crash)
    except BrokenProcessPool as error:
        raise InputError(f"a worker process {_died_of(crash)}; {kept}") from error
    except InputError:
        raise
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        crash.write_text(text, encoding="utf-8")
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(
            f"a case could not be drawn or judged: {said}; the traceback is in "
            f"{crash}: correct the strategy, the twin or the layer that it names"
        ) from error
    finally:
        if crash.is_file() and not crash.stat().st_size:
            crash.unlink()


def _died_of(crash: Path) -> str:
    """What ended a worker; a killed one leaves no traceback."""
    text = crash.read_text(encoding="utf-8") if crash.is_file() else ""
    if not text:
        return "was killed (out of memory?)"
    said, place = blame_dump(text)
    return f"crashed: {said}{place and f' (at {place})'}; the traceback is in {crash}"


def parallel(
    work: Callable[[_Given], _Made],
    tasks: Iterable[_Given],
    jobs: int,
    crash: Path | None = None,
) -> Iterator[_Made]:
    """Yield each task's result as it ends. Workers are spawned: torch does not survive a fork.

    work     a function that can be pickled; it runs in a worker
    tasks    taken one by one as workers become free; a task that was taken is finished
    jobs     worker processes (0 = one per core)
    crash    file for the traceback of a crash in compiled code

    Raises   BrokenProcessPool when a worker dies, and whatever `work` raises
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")
    jobs = jobs or os.cpu_count() or 1
    queue = iter(tasks)
    first = list(islice(queue, 2 * jobs))  # so that no worker waits for its next task
    context = multiprocessing.get_context("spawn")
    count = min(jobs, len(first)) or 1
    pool = ProcessPoolExecutor(count, context, initializer=begin_worker, initargs=(crash,))
    # Workers ignore Ctrl-C: this process receives it too, and ends them below.
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
        # Closed at the end of the program, an idle pool may be woken while it closes.
        pool.shutdown(wait=not waiting, cancel_futures=True)
        if waiting:
            for worker in multiprocessing.active_children():
                worker.terminate()


def begin_worker(crash: Path | None) -> None:
    """End this worker when the process that started it ends, even if that was killed.

    crash    file for the traceback of a crash in compiled code
    """
    parent = multiprocessing.parent_process()
    if crash is not None:
        faulthandler.enable(crash.open("ab"), all_threads=False)

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
