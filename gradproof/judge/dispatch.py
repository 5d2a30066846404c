"""The one door of the judge: a case of any sort, judged as what it is."""

from __future__ import annotations

from typing import TypeAlias

from gradproof.cases.case import Case, NetworkCase
from gradproof.cases.optimizer_case import OptimizerCase, UpdateCase
from gradproof.judge.clock import Clock
from gradproof.judge.layer import judge_layer
from gradproof.judge.network import judge_network
from gradproof.judge.optimizer import judge_optimizer, judge_update
from gradproof.judge.verdict import Judgement, fault
from gradproof.oracle.tensors import ReferenceFault
from gradproof.subject.subject import Subject

AnyCase: TypeAlias = Case | OptimizerCase | UpdateCase


def judge(subject: Subject, case: AnyCase, clock: Clock | None = None) -> Judgement:
    """Judge a layer, a network, or an optimiser over several steps or one.

    Its verdicts are final: where a layer makes another choice than PyTorch at a kink, that is
    a disagreement unless the subject declares it.

    clock    counts where the time goes
    """
    clock = clock or Clock()
    if isinstance(case, OptimizerCase):
        judgement = judge_optimizer(subject, case, clock)
    elif isinstance(case, UpdateCase):
        found, floors, _ = judge_update(subject, case, clock)
        judgement = Judgement(case, found, floors)
    else:
        judging = judge_network if isinstance(case, NetworkCase) else judge_layer
        try:
            judgement = judging(subject, case, clock)
        except ReferenceFault as error:
            judgement = Judgement(case, [fault("", case, "isolated", "y", str(error))])
    judgement.declare(subject.conventions)
    return judgement
