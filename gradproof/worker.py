"""One task of a run: draw a number of cases, judge each, write the rows, shrink what disagrees."""

from __future__ import annotations

import faulthandler
import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, TypeAlias

from gradproof.clock import Clock
from gradproof.parts import PartFile
from gradproof.records import Agreement, Example
from gradproof.repeatable import without_constants_of_the_code
from gradproof.subject import Subject, load_subject
from gradproof.verdict import SEVERITY, Finding, Judgement

Judge: TypeAlias = Callable[[Subject, Any, Clock], Judgement]

FLEETING = "judged again, the same numbers agree: something is left to chance, or was never set"
MOST_FAULTS = 5
"""Different disagreements that one task shrinks; further ones are recorded as they were drawn."""


@dataclass(frozen=True)
class Task:
    """A share of a run. Its rows depend on nothing but its fields.

    source   layer | network | optimizer | trajectory | sensitivity
    target   the layer's or optimiser's name; the trajectory's number
    count    cases to draw
    """

    source: str
    target: str
    count: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}-{self.seed}"


@dataclass
class Done:
    """What came of a task.

    worst      greatest share of its bound that an error took up
    witnesses  paths relative to the run's folder
    span       when it began and ended, in seconds of a clock that all processes share
    """

    task: Task
    examples: int = 0
    arrays: int = 0
    worst: float = 0.0
    verdicts: dict[str, int] = field(default_factory=dict)
    witnesses: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    span: tuple[float, float] = (0.0, 0.0)


class Disagreement(AssertionError):
    """Raised for Hypothesis, which then looks for a smaller case of the same disagreement."""


def begin_worker(crash: Path | None) -> None:
    """Have this worker process end when the one that started it does, killed or not.

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
    import torch

    torch.set_num_threads(1)
    return load_subject(root)


def run_task(root: Path, folder: Path, run: str, task: Task, shrink: bool = True) -> Done:
    """Do one task and leave its rows in ``folder/parts``."""
    subject = subject_at(root)
    began = monotonic()
    done = _done(subject, folder, run, task, shrink)
    done.span = (began, monotonic())
    return done


def _done(subject: Subject, folder: Path, run: str, task: Task, shrink: bool) -> Done:
    if task.source == "trajectory":
        from gradproof.training import record

        return Done(task, **record(subject, folder, run, int(task.target), task.count, task.seed))
    if task.source == "sensitivity":
        from gradproof.sensitivity import sensitivity

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
    """Each case of a task, counted in `done`, and its witness's path in the folder, or ""."""
    for judgement, about, smallest in _with_smallest(judged(subject, done.task, shrink)):
        witness = ""
        if smallest is not None:
            from gradproof.counterexample import write

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
    """Each drawn case, and with it the shrunk form that follows it in `items`."""
    held: tuple[Judgement, About] | None = None
    for judgement, about in items:
        if held is not None:
            yield (*held, judgement if about is None else None)
        held = None if about is None else (judgement, about)
    if held is not None:
        yield (*held, None)


def verdict_of(subject: Subject, judgement: Judgement) -> str:
    """The verdict on a case; an undeclared convention is a disagreement."""
    verdict = judgement.verdict
    if verdict == "convention" and any(
        f.verdict == "convention" and f.kind not in subject.conventions for f in judgement.findings
    ):
        return "disagree"
    return verdict


def _network_of(judgement: Judgement) -> str:
    return judgement.case.digest if hasattr(judgement.case.layer, "steps") else ""


@dataclass
class About:
    """What is known of a drawn case besides the judgement."""

    clock: Clock
    verdict: str

    def example(self, run: str, name: str, source: str, judgement: Judgement) -> Example:
        case = judgement.case
        steps = getattr(case.layer, "steps", ())
        sizes = [n for a in case.arrays.values() if a is not None for n in a.shape] or [1]
        s = self.clock.seconds
        return Example(
            run,
            name,
            source,
            case.seed,
            len(steps) or 1,
            min(sizes),
            max(sizes),
            sum(
                a.size
                for (n, a) in case.arrays.items()
                if a is not None and case.kinds[n] == "param"
            ),
            case.dtype,
            " ".join(type(step.layer).__name__ for step in steps) or case.kind,
            " ".join(case.hazards),
            " ".join(_features(case.layer)),
            judgement.kink,
            self.verdict,
            judgement.floors,
            s["draw"],
            s["manual"],
            s["reference"],
            s["judge"],
        )


def _features(layer: Any) -> Iterator[str]:
    """What makes a network more than a chain."""
    steps = getattr(layer, "steps", ())
    reads = [name for step in steps for name in step.args if name is not None]
    made = {name for step in steps for name in step.outs}
    repeated = {name for name in reads if reads.count(name) > 1}
    if repeated & made:
        yield "fan-out"
    if repeated - made:
        kinds = layer.argument_kinds(len(layer.inputs))
        if any(kinds[name] == "param" for name in repeated - made):
            yield "tied"
    distance = {name: i for i, step in enumerate(steps) for name in step.outs}
    if any(
        name in distance and i - distance[name] > 1
        for i, step in enumerate(steps)
        for name in step.args
    ):
        yield "residual"
    if any(len(step.outs) > 1 for step in steps):
        yield "multi-output"
    if any(hasattr(step.layer, "steps") for step in steps):
        yield "nested"


def judged(
    subject: Subject, task: Task, shrink: bool = True, judge: Judge | None = None
) -> Iterator[tuple[Judgement, About | None]]:
    """Every drawn case with its judgement; after a disagreement also its shrunk form (no About).

    judge    what judges a case; by default the one for the task's source
    """
    seen: set[str] = set()
    known: set[tuple[str, str]] = set()
    batch = _Batch(subject, task, seen, judge)
    for attempt in itertools.count():
        batch.draw(task.seed + 7919 * attempt, known if len(known) < MOST_FAULTS else None, shrink)
        yield from batch.finished
        if batch.target is not None:
            known.add(batch.target)
            if shrink and batch.smallest is not None:
                yield batch.smallest, None
        if len(seen) >= task.count or attempt > 2 * task.count:
            break


class _Batch:
    """Draws a few cases at a time, up to the first disagreement that is not known yet.

    Hypothesis would spend longer runs on variations of earlier examples; short ones draw afresh.
    """

    SIZE = 10

    def __init__(
        self, subject: Subject, task: Task, seen: set[str], judge: Judge | None = None
    ) -> None:
        self._subject, self._seen, self._count = subject, seen, task.count
        self._strategy, usual = _plan(subject, task)
        self._judge = judge or usual
        self._since = perf_counter()

    def draw(self, seed: int, known: set[tuple[str, str]] | None, shrink: bool) -> None:
        """Sets `finished`, `target` (kind and quantity of a new disagreement) and `smallest`.

        known    disagreements to pass by; None passes by all
        """
        import hypothesis
        from hypothesis import HealthCheck, Phase, settings
        from hypothesis.errors import Flaky

        self.finished: list[tuple[Judgement, About]] = []
        self.target: tuple[str, str] | None = None
        self.smallest: Judgement | None = None
        self._known = known
        self._crash: Exception | None = None
        chosen = settings(
            max_examples=self.SIZE,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
        )
        body = hypothesis.given(self._strategy)(self._one)  # type: ignore[no-untyped-call]
        try:
            with without_constants_of_the_code():
                hypothesis.seed(seed)(chosen(body))()
        except Disagreement:
            pass
        except Flaky:
            if not self._fleeting():
                raise
        if self._crash is not None:
            raise self._crash

    def _one(self, case: Any) -> None:
        if self._crash is not None:
            return
        if self.target is None:
            if case.digest in self._seen or len(self._seen) >= self._count:
                return
            self._seen.add(case.digest)
        clock = Clock()
        clock.seconds["draw"] = perf_counter() - self._since
        try:
            judgement = self._judge(self._subject, case, clock)
        except Exception as error:  # noqa: BLE001  (Hypothesis would hide it: it would try again)
            error.add_note(f"while judging {case}")
            self._crash = error
            return
        if self.target is None:
            verdict = verdict_of(self._subject, judgement)
            self.finished.append((judgement, About(clock, verdict)))
        culprit = undeclared(self._subject, judgement)
        self._since = perf_counter()
        if culprit is None or self._known is None:
            return
        key = (culprit.kind, culprit.quantity)
        if self.target is None and key not in self._known:
            self.target = key
        if self.target == key:
            self.smallest = judgement
            raise Disagreement(f"{key[0]}: {key[1]}")

    def _fleeting(self) -> bool:
        """Whether a disagreement was found that was gone the next time; that becomes its cause."""
        culprit = self.smallest.culprit if self.smallest is not None else None
        if culprit is not None:
            culprit.cause = FLEETING
        return culprit is not None


def undeclared(subject: Subject, judgement: Judgement) -> Finding | None:
    """The first fault of a case that disagrees or errs, or None."""
    culprit = judgement.culprit
    if culprit is None or SEVERITY[verdict_of(subject, judgement)] < SEVERITY["disagree"]:
        return None
    return culprit


def _plan(subject: Subject, task: Task) -> tuple[Any, Judge]:
    """The strategy that draws a task's cases and the function that judges them."""
    if task.source == "optimizer":
        from gradproof.steps import judge_steps, step_cases

        kind = next(k for k in subject.optimizers if k.__name__ == task.target)
        return step_cases(subject.optimizers[kind]), judge_steps
    from gradproof.cases import cases
    from gradproof.network import judge

    rule = subject.rules[subject.layers[task.target]]
    return cases(rule, mild=task.source == "network"), judge
