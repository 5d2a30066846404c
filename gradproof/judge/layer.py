"""Judging one layer on one case: its outputs and gradients against PyTorch's, in isolation."""

from __future__ import annotations

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, received, received_dy
from gradproof.judge import conduct
from gradproof.judge.clock import Clock
from gradproof.judge.closer import look_closer
from gradproof.judge.compare import measure, pair_up
from gradproof.judge.kinks import at_kink
from gradproof.judge.second_opinion import second_opinion
from gradproof.judge.verdict import Judgement, fault, settled
from gradproof.oracle.global_state import changed_state, global_state, unusual_seeds
from gradproof.oracle.layer import Oracle
from gradproof.oracle.low_precision import oracle_of
from gradproof.subject import passes
from gradproof.subject.passes import Misconduct, Ran
from gradproof.subject.subject import Subject

NO_FUNCTION = (
    "the reference is no function: two runs on the same arrays differ (random numbers, or state?)"
)


@unusual_seeds()
def judge_layer(subject: Subject, case: Case, clock: Clock, final: bool = True) -> Judgement:
    """Compare a layer with its twin, entry by entry, and check its conduct.

    final    whether to ask why a difference is none of manual's faults, which takes longer
    """
    with clock("reference"):
        oracle = oracle_of(subject.twin, case)
    with clock("draw"):
        case = case.with_dy(oracle.y)
        arrays, dy = received(case), received_dy(case)
    with clock("reference"):
        reference = oracle.pull(case.dy)
    judgement = Judgement(case)
    found = judgement.findings
    if not oracle.repeats():
        found.append(fault("", case, "isolated", "y", NO_FUNCTION))
        return judgement
    state = global_state()
    with clock("manual"):
        try:
            with np.errstate(all="ignore"):
                ran, grads = _both_passes(case, arrays, dy)
        except Misconduct as error:
            formed = _wrong_outputs(case, arrays, oracle)
            quantity, text = formed or (error.quantity, str(error))
            found.append(fault("", case, "isolated", quantity, text))
            return judgement
    with clock("judge"):
        pending = pair_up(
            "", case, ran.outputs, oracle.y, grads, reference, found, compared=oracle.compared
        )
        judgement.floors = measure(pending, oracle)

        def agrees(name: str, array: Array, gradient: Array) -> bool:
            if name not in pending:  # its form is wrong already
                return True
            again = {name: oracle.alike(name, array, gradient, case.scale)}
            judgement.floors += measure(again, oracle)
            return again[name].within()

        checked = conduct.check_gradients(case.layer, arrays, ran, dy, grads, agrees)
        faults: dict[str, str] = {}
        try:
            for quantity, text in checked:
                faults.setdefault(quantity, text)  # what follows may be due to it
        except Misconduct as error:
            faults = {error.quantity: str(error)}
        for quantity, comparison in pending.items():
            found.append(settled("", case, "isolated", quantity, comparison))
        misdeeds = [fault("", case, "isolated", q, text, "disagree") for q, text in faults.items()]
        if any(text in conduct.STATE for text in faults.values()):
            found[:0] = misdeeds  # values may differ for that reason
        else:
            found += misdeeds
        if changed := changed_state(state):
            place = 0 if "random" in changed else len(found)  # values may differ for that reason
            found.insert(place, fault("", case, "isolated", "y", changed, "disagree"))
        if not final:
            return judgement
        look_closer(subject.twin, case, found)
        judgement.kink = at_kink(subject.twin, case)
        if not case.is_low:  # witnesses see no rounding
            second_opinion(subject.twin, judgement, oracle)
    return judgement


def _both_passes(
    case: Case, arrays: list[Array | None], dy: tuple[Array | None, ...]
) -> tuple[Ran, dict[str, Array]]:
    """What forward and backward return, where memory that nobody has filled is NaN."""

    def run() -> tuple[Ran, dict[str, Array]]:
        ran = passes.forward(case.layer, arrays)
        return ran, passes.backward(case.layer, ran, dy)

    try:
        with conduct.poisoned():
            return run()
    except Misconduct:
        run()  # a compiler that works in the first call, such as Numba, knows NumPy's own only
    with conduct.poisoned():
        return run()


def _wrong_outputs(
    case: Case, arrays: list[Array | None], oracle: Oracle
) -> tuple[str, str] | None:
    """The first output of a wrong shape or dtype, and what is wrong: backward may fail for it."""
    try:
        with np.errstate(all="ignore"):
            made = passes.forward(case.layer, arrays).outputs
    except Misconduct:
        return None
    pairs = zip(numbered("y", made).items(), oracle.y, strict=False)
    found = ((name, conduct.check_form(out, y)) for (name, out), y in pairs)
    return next(((name, text) for name, text in found if text), None)
