"""The one door of the judge: a case of any sort, judged as what it is."""

from __future__ import annotations

from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import StepCase
from gradproof.judge import network
from gradproof.judge.clock import Clock
from gradproof.judge.optimizer import judge_steps
from gradproof.judge.verdict import Judgement
from gradproof.subject.subject import Subject


def judge(subject: Subject, case: Case | StepCase, clock: Clock | None = None) -> Judgement:
    """Judge a layer, a network or an optimiser on one case.

    clock    counts where the time goes
    """
    clock = clock or Clock()
    if isinstance(case, StepCase):
        return judge_steps(subject, case, clock)
    return network.judge(subject, case, clock)
