"""One task of a run: draw cases, judge each, write the rows, shrink what disagrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from gradproof.campaign.processes import subject_at
from gradproof.campaign.row_files import row_files
from gradproof.campaign.search import Drawn, judged
from gradproof.campaign.sensitivity import sensitivity
from gradproof.campaign.task import Done, Task
from gradproof.campaign.watch import Watch, unwatched
from gradproof.cases.case import NetworkCase
from gradproof.counterexamples.write import write
from gradproof.rounding.bound import visible_margins
from gradproof.subject.subject import Subject
from gradproof.training.record import record


def run_task(
    root: Path,
    folder: Path,
    run: str,
    task: Task,
    watch: Watch = unwatched,
    fail_fast: bool = False,
) -> Done:
    """Do one task, to its first fault at most if asked, and leave its rows in ``folder/parts``."""
    subject = subject_at(root)
    began = monotonic()
    done = _done(subject, folder, run, task, watch, fail_fast)
    done.span = (began, monotonic())
    return done


def _done(
    subject: Subject, folder: Path, run: str, task: Task, watch: Watch, fail_fast: bool
) -> Done:
    if task.source == "trajectory":
        return Done(task, **record(subject, folder, run, int(task.target), task.count, task.seed))
    if task.source == "sensitivity":
        errors = sensitivity(subject, task, watch)
        return Done(task, extra={"sensitivity": {task.target: errors}})
    done = Done(task)
    with row_files(folder, run, task.name, task.source) as add, visible_margins():
        for drawn, counterexample in examined(subject, folder, done, watch):
            judgement = drawn.judgement
            network = drawn.case.digest if isinstance(drawn.case, NetworkCase) else ""
            add(judgement, drawn.clock, network, counterexample)
            ratios = (f.figures.worst_ratio for f in judgement.findings if f.measured)
            done.worst = max([done.worst, *(r for r in ratios if r > 0)])
            if fail_fast and judgement.flagged:
                break
    return done


def examined(
    subject: Subject, folder: Path, done: Done, watch: Watch = unwatched
) -> Iterator[tuple[Drawn, str]]:
    """Yield each case of a task, counted in `done`, and its counterexample's path, or ""."""
    for drawn in judged(subject, done.task, watch=watch):
        counterexample = ""
        if drawn.shrunk is not None:
            steps = drawn.case.layer.steps if isinstance(drawn.case, NetworkCase) else ()
            shrunk_from = f"{len(steps)} layers" if len(steps) > 1 else ""
            with watch(drawn.case.digest):  # a cause is looked for in cases that nobody has run yet
                path = write(subject, drawn.shrunk, folder / "counterexamples", shrunk_from)
            counterexample = str(path.relative_to(folder))
            done.counterexamples.append(counterexample)
        done.examples += 1
        done.arrays += len(drawn.judgement.findings)
        verdict = drawn.judgement.verdict
        done.verdicts[verdict] = done.verdicts.get(verdict, 0) + 1
        yield drawn, counterexample
