"""The search: draw cases, judge each, and shrink the first case of each disagreement."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import Any, TypeAlias

import hypothesis
from hypothesis import Phase, settings
from hypothesis.control import _current_build_context
from hypothesis.errors import Flaky, NoSuchExample, Unsatisfiable

from gradproof.campaign.task import Task
from gradproof.campaign.watch import Watch, unwatched
from gradproof.cases.accepted import too_many_refused
from gradproof.cases.draw import cases, optimizer_cases
from gradproof.cases.even_choices import EVEN_CHOICES
from gradproof.errors import InputError
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import AnyCase, judge
from gradproof.judge.verdict import Judgement, fault
from gradproof.oracle.tensors import fewer_samples
from gradproof.subject.subject import Subject

Judge: TypeAlias = Callable[[Subject, Any, Clock], Judgement]
FLEETING = "not reproducible: hidden randomness or uninitialised memory"
MOST_LOST = 3
"""A task ends at so many cases that ended the process."""
MOST_FAULTS = 5
"""The most disagreements that one task shrinks; others are recorded as they were drawn."""


@dataclass
class Drawn:
    """A drawn case and what was found.

    shrunk   the first of each disagreement, judged in its smallest form; None for all others
    clock    where the time went
    """

    case: AnyCase
    judgement: Judgement
    clock: Clock
    shrunk: Judgement | None = None


def judged(
    subject: Subject,
    task: Task,
    shrink: bool = True,
    judge: Judge = judge,
    watch: Watch = unwatched,
) -> Iterator[Drawn]:
    """Draw a task's cases and judge them.

    judge    what judges a case, if not the judge
    watch    a context for each case that is judged

    Raises   InputError where a rule refuses nearly all that is drawn, after what was judged
    """
    seen: set[str] = set()
    known: set[tuple[str, str]] = set()
    batch = _Batch(subject, task, seen, judge, watch)
    for attempt in itertools.count():
        batch.draw(task.seed + 7919 * attempt, known if len(known) < MOST_FAULTS else None, shrink)
        if batch.target is not None:  # it is in the last case that was drawn
            known.add(batch.target)
            batch.finished[-1].shrunk = batch.smallest if shrink else None
        yield from batch.finished
        if batch.hopeless or len(seen) >= task.count or attempt > 2 * task.count:
            break
        if said := too_many_refused(task.target, batch.draws, len(seen), task.count):
            raise InputError(said)


class _Enough(BaseException):
    """Ends a search. Hypothesis would try again what raised an Exception."""


class _Batch:
    """Draws some cases at a time, up to the first disagreement that is not known yet."""

    SIZE = 50

    def __init__(
        self, subject: Subject, task: Task, seen: set[str], judge: Judge, watch: Watch
    ) -> None:
        self._subject, self._seen, self._count = subject, seen, task.count
        self._judge, self._watch = judge, watch
        self._shrinking = self._reached = False
        self.draws: Counter[bool] = Counter()
        self._strategy = _strategy(subject, task, lambda: not self._shrinking, self._heard)
        self._lost = dict(task.lost)
        self.hopeless = False
        self._since = perf_counter()

    def _heard(self, accepted: bool) -> None:
        """Count what a rule accepts and refuses."""
        if not self._shrinking:
            self.draws[accepted] += 1

    def draw(self, seed: int, known: set[tuple[str, str]] | None, shrink: bool) -> None:
        """Sets `finished`, `target` (kind and quantity of a new disagreement) and `smallest`.

        known    disagreements that are not shrunk again; None: none is shrunk
        """
        self._begin(known)
        self._search(seed, self._new, Phase.generate)
        if self.target is None or not shrink:
            return
        self._shrinking, self._reached = True, False
        try:  # the same cases are drawn again
            self._search(seed, self._still, Phase.generate, Phase.shrink)
            self._judge_in_full()
        except Flaky:
            if not self._fleeting():
                raise
        finally:
            self._shrinking = False

    def _begin(self, known: set[tuple[str, str]] | None) -> None:
        self.finished: list[Drawn] = []
        self.target: tuple[str, str] | None = None
        self.smallest: Judgement | None = None
        self._known = known

    def _search(self, seed: int, condition: Callable[[Any], bool], *phases: Phase) -> None:
        chosen = settings(
            max_examples=self.SIZE,
            database=None,
            deadline=None,
            backend=EVEN_CHOICES,
            phases=phases,
        )
        random = Random(seed)  # noqa: S311  (no secret)
        try:
            hypothesis.find(self._strategy, condition, settings=chosen, random=random)
        except NoSuchExample:
            pass
        except Unsatisfiable:
            if not self.draws[False]:  # the strategy itself refuses all
                raise
        except _Enough as enough:
            if enough.__cause__ is not None:
                raise enough.__cause__ from None

    def _judge_in_full(self) -> None:
        """Shrinking takes few samples of the noise; the smallest case gets all of them."""
        if self.smallest is None or self.smallest is self.finished[-1].judgement:
            return
        case = self.smallest.case
        with self._watch(case.digest):
            full = self._judge(self._subject, case, Clock())
        self.smallest = full if full.flagged else self.finished[-1].judgement

    def _new(self, case: Any) -> bool:
        """Judge a case that was not drawn yet, up to the first new disagreement."""
        if case.digest in self._seen:
            return False
        self._seen.add(case.digest)
        if case.digest in self._lost:
            self._give_up(case)
        else:
            clock = Clock()
            clock.seconds["draw"] = perf_counter() - self._since
            judgement = self._judged(case, clock)
            self.finished.append(Drawn(case, judgement, clock))
            self._since = perf_counter()
            key = _disagreement(judgement)
            if key is not None and self._known is not None and key not in self._known:
                self.target, self.smallest = key, judgement
        if self.target is not None or self.hopeless or len(self._seen) >= self._count:
            raise _Enough
        return False

    def _still(self, case: Any) -> bool:
        """Whether a case has the disagreement that is being shrunk, once its own is reached."""
        assert self.smallest is not None
        if not self._reached:
            self._reached = case.digest == self.smallest.case.digest
            return self._reached
        if case.digest in self._lost:
            self._check_hope(case)
            if self.hopeless:
                raise _Enough
            return False
        with fewer_samples():
            judgement = self._judged(case, Clock())
        if _disagreement(judgement) != self.target:
            return False
        self.smallest = judgement
        return True

    def _judged(self, case: Any, clock: Clock) -> Judgement:
        try:
            with (
                self._watch(case.digest),
                _current_build_context.with_value(None),  # a layer may not drop its own case
            ):
                return self._judge(self._subject, case, clock)
        except Exception as error:
            error.add_note(f"while judging {case}")
            raise _Enough from error

    def _give_up(self, case: Any) -> None:
        """Record a case that ends the process: an error, and its own smallest form."""
        found = fault("", case, "isolated", "y", self._lost[case.digest])
        judgement = Judgement(case, [found])
        self.finished.append(Drawn(case, judgement, Clock(), shrunk=judgement))
        self._check_hope(case)

    def _check_hope(self, case: Any) -> None:
        # Cases are drawn in the same order again, so the last that was lost is reached last.
        self.hopeless = len(self._lost) >= MOST_LOST and case.digest == [*self._lost][-1]

    def _fleeting(self) -> bool:
        """Whether a disagreement was gone when judged again; that is then its cause."""
        culprit = self.smallest.culprit if self.smallest is not None else None
        if culprit is not None:
            culprit.cause = culprit.cause or FLEETING
        return culprit is not None


def _disagreement(judgement: Judgement) -> tuple[str, str] | None:
    """Kind and quantity of what disagrees; None if nothing does."""
    culprit = judgement.culprit if judgement.flagged else None
    return None if culprit is None else (culprit.kind, culprit.quantity)


def _strategy(
    subject: Subject, task: Task, quick: Callable[[], bool], heard: Callable[[bool], None]
) -> Any:
    """What draws a task's cases; `quick` says whether nothing is being shrunk."""
    if task.source == "optimizer":
        kind = next(k for k in subject.optimizers if k.__name__ == task.target)
        return optimizer_cases(subject.optimizers[kind])
    rule = subject.rules[subject.layers[task.target]]
    return cases(rule, mild=task.source == "network", quick=quick, heard=heard)


def right_cases(subject: Subject, kind: type, count: int, seed: int = 0) -> list[AnyCase]:
    """`count` cases of a layer, network type or optimiser, as a run with this seed draws them.

    Cases that disagree are left out.
    """
    found = judged(subject, task_of(subject, kind, count, seed), shrink=False)
    return [drawn.judgement.case for drawn in found if not drawn.judgement.flagged]


def task_of(subject: Subject, kind: type, count: int, seed: int) -> Task:
    """The task that draws cases of a layer, a network or an optimiser."""
    source = "network" if kind is subject.net else "layer"
    return Task("optimizer" if kind in subject.optimizers else source, kind.__name__, count, seed)
