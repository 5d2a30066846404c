"""Judging an optimiser: each step starts from the reference's own parameters and state."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from gradproof.cases.optimizer_case import Arrays, OptimizerCase, State, UpdateCase, flat
from gradproof.judge.clock import Clock
from gradproof.judge.conduct import check_form
from gradproof.judge.verdict import Finding, Judgement, fault, settled
from gradproof.oracle.optimizer import ReferenceStep, as_arrays, noise_samples
from gradproof.rounding.bound import Comparison, settle
from gradproof.subject.subject import Subject

RECEIVED = "what was received"


def judge_optimizer(subject: Subject, case: OptimizerCase, clock: Clock) -> Judgement:
    """Compare parameters and state after each step; both sides start it where the reference is."""
    params: Arrays = case.arrays
    state: State = {}
    judgement = Judgement(case)
    for step in range(len(case.scales)):
        grads = case.grads(step)
        update = UpdateCase(case.optimizer, params, grads, state, case.dtype, case.seed, step + 1)
        found, floors, after = judge_update(subject, update, clock)
        judgement.findings += found
        judgement.floors += floors
        if any(f.verdict == "error" for f in found):
            break
        params, state = after
    return judgement


def judge_update(
    subject: Subject, case: UpdateCase, clock: Clock
) -> tuple[list[Finding], int, tuple[Arrays, State]]:
    """(findings, noise samples, the reference's parameters and state after it) of one step."""
    found: list[Finding] = []
    path, floors = f"step {case.step}", 0
    with clock("reference"):
        twin = ReferenceStep(subject, case)
        after = as_arrays(twin())
    try:
        with clock("manual"), np.errstate(all="ignore"):
            made = flat(*case.optimizer.step(case.arrays, case.grads, case.state))
    except Exception as error:  # noqa: BLE001  (the exception is the finding)
        text = f"step raised {type(error).__name__}: {error}"
        return [fault(path, case, "isolated", next(iter(case.arrays)), text)], floors, after
    with clock("judge"):
        for name, other in sharing(made, {**case.arrays, **case.before}):
            if other == RECEIVED and case.owner(name) in case.absent:
                continue  # it stays as it is
            text = f"it shares memory with {other}"
            found.append(fault(path, case, "isolated", name, text, "disagree"))
        pending = pair_up(path, case, made, flat(*after), found)
        floors += settle(pending, noise_samples(twin))
        found += [settled(path, case, "isolated", q, c) for q, c in pending.items()]
    return found, floors, after


def sharing(made: Arrays, received: Arrays) -> Iterator[tuple[str, str]]:
    """Yield (returned array, the array that it shares memory with)."""
    pairs = [*combinations(reversed(made.items()), 2), *product(made.items(), received.items())]
    for (name, a), (other, b) in pairs:
        if np.shares_memory(a, b):
            yield name, RECEIVED if other == name else other


def pair_up(
    path: str, case: UpdateCase, made: Arrays, expected: Arrays, found: list[Finding]
) -> dict[str, Comparison]:
    """A comparison for each parameter and state entry; faults of the form go to `found`."""
    pending = {}
    for name in sorted(made.keys() ^ expected.keys()):
        text = "manual keeps it, torch does not" if name in made else "torch keeps it, manual not"
        if case.owner(name) in case.absent:
            text += f": {case.owner(name)} has no gradient in this step"
        found.append(fault(path, case, "isolated", name, text, "disagree"))
    for name in expected:
        if name not in made:
            continue
        wrong = "" if name.endswith(".step") else check_form(made[name], expected[name])
        if wrong:
            found.append(fault(path, case, "isolated", name, wrong, "disagree"))
        else:
            manual = made[name].astype(expected[name].dtype)
            pending[name] = Comparison(manual, expected[name])
    return pending
