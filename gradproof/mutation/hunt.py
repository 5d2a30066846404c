"""Hunting one planted bug: the first case that kills it, its smallest form, and what is blamed."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from time import perf_counter
from types import FrameType
from typing import Any

from gradproof.campaign.search import judged, right_cases, task_of
from gradproof.campaign.task import Task
from gradproof.cases.case import NetworkCase, received
from gradproof.diagnosis.diagnose import diagnose
from gradproof.errors import Stop
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import Judgement, beside
from gradproof.mutation.behaviour import Behaviour, behaviour, fresh
from gradproof.mutation.bug import Bug
from gradproof.oracle import tensors
from gradproof.subject import passes
from gradproof.subject.subject import Subject

PATIENCE = 2.0
"""Seconds spent on shrinking a counterexample."""
TRIED, JUDGED = 200, 6
"""The most networks run to find those that show the bug, and the most of these judged."""


class TimeUp(Stop):
    """The bug makes something run too long."""


@dataclass(frozen=True)
class Ground:
    """A case on which the right code agrees, and what it returns there."""

    case: Any

    @cached_property
    def right(self) -> Behaviour:
        return behaviour(self.case)


@dataclass
class Grounds:
    """The cases in which bugs are hunted: drawn once with the right code, as a run draws them.

    cases    of each layer and optimiser;  networks: in all
    """

    subject: Subject
    cases: int
    networks: int
    seed: int
    _known: dict[str, list[Ground]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Ground]:
        """The cases of a layer, an optimiser or the network type, those in float64 first."""
        if self.subject.net is not None and kind == self.subject.net.__name__:
            return [ground for ground, _ in self._networks]
        if kind not in self._known:
            kinds = {k.__name__: k for k in (*self.subject.rules, *self.subject.optimizers)}
            found = right_cases(self.subject, kinds[kind], self.cases, self.seed)
            found.sort(key=lambda case: case.dtype != "float64")
            self._known[kind] = [Ground(case) for case in found]
        return self._known[kind]

    def draw(self, kinds: Sequence[str]) -> None:
        """Draw all cases for bugs of these kinds now."""
        optimizers = {kind.__name__ for kind in self.subject.optimizers}
        for kind in kinds:
            self.of(kind)
        if not optimizers.issuperset(kinds):
            assert self._networks is not None

    def networks_with(self, kinds: Sequence[str]) -> Iterator[Ground]:
        """Networks that have a layer of one of these kinds."""
        for ground, there in self._networks:
            if not there.isdisjoint(kinds):
                yield ground

    @cached_property
    def _networks(self) -> list[tuple[Ground, set[str]]]:
        net = self.subject.net
        if net is None:
            return []
        found = []
        task = Task("network", net.__name__, self.networks, self.seed)
        for drawn in judged(self.subject, task, shrink=False, judge=_unjudged):
            case = drawn.case
            if isinstance(case, NetworkCase) and case.dtype == "float64":
                y = passes.forward(case.layer, received(case)).outputs
                found.append((Ground(case.with_dy(y)), set(_kinds_in(case.layer))))
        return found


def _unjudged(_subject: Subject, case: Any, _clock: Clock) -> Judgement:
    return Judgement(case)


def _kinds_in(layer: Any) -> Iterator[str]:
    yield type(layer).__name__
    for step in getattr(layer, "steps", ()):
        yield from _kinds_in(step.layer)


@dataclass
class Hunted:
    """The result for one bug.

    outcome   killed, survived, equivalent (nothing but rounding changed) or timeout
    examples  cases drawn until it was killed, or in all;  seconds: the same
    kind, quantity           what the judge names at the counterexample
    cause, size              why, and the entries of all arrays, if it was shrunk
    network   the layer that is blamed in a network; "" where no network shows the bug
    scored    whether numbers were compared, so that there was a cause to find
    """

    outcome: str = "equivalent"
    examples: int = 0
    seconds: float = 0.0
    kind: str = ""
    quantity: str = ""
    cause: str = ""
    size: int = 0
    network: str = ""
    scored: bool = False


def hunt(
    grounds: Grounds,
    bug: Bug,
    kinds: Sequence[str],
    limit: float,
    shrink: bool = True,
    every: bool = True,
) -> Hunted:
    """Judge the cases of these kinds up to the first that kills the bug.

    limit    seconds after which the hunt for this bug ends
    every    whether cases are judged too in which the bug changes no bit
    shrink   whether the case that kills it is shrunk and explained, which takes longer than to
             find it
    """
    found = Hunted()
    subject = grounds.subject
    grounds.draw(kinds)  # now, so that it does not count as the bug's time
    started = perf_counter()
    killer = None
    try:
        with limited(limit):
            for ground in (g for kind in kinds for g in grounds.of(kind)):
                found.examples += 1
                killer = _killed(subject, bug, ground, found, every)
                if killer is not None:
                    break
            found.seconds = perf_counter() - started
            if killer is not None:
                found.outcome = "killed"
                if shrink:
                    killer = _shrunk(grounds, bug, killer)
                    arrays = killer.case.arrays.values()
                    found.size = sum(a.size for a in arrays if a is not None)
                _name(subject, bug, killer, found, shrink)
                found.network = _blamed(grounds, bug, kinds)
    except TimeUp:
        found.outcome = found.outcome if killer is not None else "timeout"
        found.seconds = found.seconds or limit
    return found


def _killed(
    subject: Subject, bug: Bug, ground: Ground, found: Hunted, every: bool
) -> Judgement | None:
    right = ground.right
    with bug.planted():
        case = fresh(ground.case)
        wrong = behaviour(case)
        if not every and right.same(wrong):
            return None
        judgement = judge(subject, case)
    if judgement.flagged:
        return judgement
    if case.dtype == "float64" and right.differs(wrong):
        found.outcome = "survived"
    return None


def _shrunk(grounds: Grounds, bug: Bug, killer: Judgement) -> Judgement:
    """The smallest counterexample that a run would print; the killer if time is up first."""
    subject = grounds.subject
    until = perf_counter() + PATIENCE
    known: dict[str, Judgement] = {}

    def judging(subject: Subject, case: Any, _clock: Clock) -> Judgement:
        if case.digest not in known:
            if perf_counter() > until:
                return Judgement(case)
            with bug.planted(), tensors.fewer_samples():
                known[case.digest] = judge(subject, fresh(case))
        return known[case.digest]

    kinds = (*subject.rules, *subject.optimizers)
    kind = next(k for k in kinds if k.__name__ == killer.case.kind)
    task = task_of(subject, kind, grounds.cases, grounds.seed)
    for drawn in judged(subject, task, judge=judging):
        if drawn.shrunk is not None:
            with bug.planted():
                thorough = judge(subject, fresh(drawn.shrunk.case))
            return thorough if thorough.flagged else killer
        if perf_counter() > until:
            break
    return killer


def _name(subject: Subject, bug: Bug, judgement: Judgement, found: Hunted, why: bool) -> None:
    """Record what the judge names, as a user would read it; why: the cause too."""
    finding = judgement.culprit
    assert finding is not None
    if why:
        with bug.planted():
            found.cause = diagnose(subject, finding, beside(judgement, finding))
    found.kind, found.quantity = finding.kind, finding.quantity
    found.scored = finding.verdict != "error"


def _blamed(grounds: Grounds, bug: Bug, kinds: Sequence[str]) -> str:
    """The layer that is blamed in the first network that shows the bug."""
    subject, tried = grounds.subject, 0
    for ground in islice(grounds.networks_with(kinds), TRIED):
        right = ground.right
        with bug.planted():
            case = fresh(ground.case)
            if not right.differs(behaviour(case)):
                continue
            tried += 1
            judgement = judge(subject, case)
        if judgement.flagged:
            assert judgement.culprit is not None
            return judgement.culprit.kind
        if tried == JUDGED:
            break
    return ""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TimeUp within it after so many seconds."""
    rung = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        nonlocal rung
        rung = True
        raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:
        if rung:  # whatever was stopped halfway, such as Hypothesis, may fail for it
            raise TimeUp from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
