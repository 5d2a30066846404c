"""One task of a run: draw cases, judge each, write the rows, shrink what disagrees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic

from gradproof.campaign.example_row import About
from gradproof.campaign.processes import subject_at
from gradproof.campaign.search import judged
from gradproof.campaign.sensitivity import sensitivity
from gradproof.campaign.task import Done, Task
from gradproof.counterexamples.write import write
from gradproof.judge.verdict import Judgement, verdict_of
from gradproof.storage.part_file import PartFile
from gradproof.storage.rows import Agreement, Example
from gradproof.subject.subject import Subject
from gradproof.training.record import record


def run_task(root: Path, folder: Path, run: str, task: Task, shrink: bool = True) -> Done:
    """Do one task and leave its rows in ``folder/parts``."""
    subject = subject_at(root)
    began = monotonic()
    done = _done(subject, folder, run, task, shrink)
    done.span = (began, monotonic())
    return done


def _done(subject: Subject, folder: Path, run: str, task: Task, shrink: bool) -> Done:
    if task.source == "trajectory":
        return Done(task, **record(subject, folder, run, int(task.target), task.count, task.seed))
    if task.source == "sensitivity":
        errors = sensitivity(subject, subject.layers[task.target], task.count, task.seed)
        return Done(task, extra={"sensitivity": {task.target: errors}})
    done = Done(task)
    parts = folder / "parts"
    with (
        PartFile(parts / f"agreement-{task.name}.jsonl", Agreement) as agreement,
        PartFile(parts / f"examples-{task.name}.jsonl", Example) as examples,
    ):
        for judgement, about, witness in examined(subject, folder, done, shrink):
            example = f"{task.name}-{done.examples - 1}"
            rows = [
                f.row(run, example, _network_of(judgement), witness if f.failed else "")
                for f in judgement.findings
            ]
            agreement.add(rows)
            examples.add([about.example(run, example, task.source, judgement)])
            ratios = (f.figures.worst_ratio for f in judgement.findings if f.measured)
            done.worst = max([done.worst, *(r for r in ratios if r > 0)])
    return done


def examined(
    subject: Subject, folder: Path, done: Done, shrink: bool = True
) -> Iterator[tuple[Judgement, About, str]]:
    """Yield each case of a task, counted in `done`, and its counterexample's path, or ""."""
    for judgement, about, smallest in _with_smallest(judged(subject, done.task, shrink)):
        witness = ""
        if smallest is not None:
            steps = getattr(judgement.case.layer, "steps", ())
            shrunk_from = f"{len(steps)} layers" if len(steps) > 1 else ""
            path = write(subject, smallest, folder / "witnesses", shrunk_from)
            witness = str(path.relative_to(folder))
            done.witnesses.append(witness)
        done.examples += 1
        done.arrays += len(judgement.findings)
        verdict = verdict_of(subject, judgement)
        done.verdicts[verdict] = done.verdicts.get(verdict, 0) + 1
        yield judgement, about, witness


def _with_smallest(
    items: Iterable[tuple[Judgement, About | None]],
) -> Iterator[tuple[Judgement, About, Judgement | None]]:
    """Yield each drawn case together with the shrunk form that follows it in `items`."""
    held: tuple[Judgement, About] | None = None
    for judgement, about in items:
        if held is not None:
            yield (*held, judgement if about is None else None)
        held = None if about is None else (judgement, about)
    if held is not None:
        yield (*held, None)


def _network_of(judgement: Judgement) -> str:
    return judgement.case.digest if hasattr(judgement.case.layer, "steps") else ""
