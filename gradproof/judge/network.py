"""Judging a network: each layer alone, the wiring, and the whole end to end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from gradproof.arrays import Array, frozen, largest, numbered
from gradproof.cases.case import Case, NetworkCase, case_of, received, received_dy
from gradproof.cases.values import lay_out
from gradproof.judge import conduct
from gradproof.judge.clock import Clock
from gradproof.judge.closer import look_closer
from gradproof.judge.compare import measure, pair_up
from gradproof.judge.layer import judge_layer
from gradproof.judge.verdict import Finding, Judgement, fault, settled
from gradproof.oracle.layer import Oracle
from gradproof.oracle.network import NetworkOracle
from gradproof.oracle.tensors import Sample
from gradproof.rounding.bound import Comparison, all_settled, same, settle
from gradproof.subject import passes, program
from gradproof.subject.layer import argument_kinds
from gradproof.subject.passes import Misconduct, Ran
from gradproof.subject.subject import Subject

_OWN_STATE = 8
"""The most samples of the noise at the state of torch's own run, which are taken last."""


def judge_network(subject: Subject, case: Case, clock: Clock, path: str = "") -> Judgement:
    """Compare a network at the three depths; isolated findings come first, in backward order."""
    with clock("reference"):
        oracle = NetworkOracle(subject.twin, case)
    with clock("draw"):
        case = case.with_dy(oracle.y)
        arrays = received(case)
    with clock("reference"):
        reference = oracle.pull(case.dy)
    judgement = Judgement(case)
    found = judgement.findings
    all_saved: list[Any] = [None] * len(case.layer.steps)
    for i in reversed(range(len(case.layer.steps))):
        alone, all_saved[i], floors = _isolated(subject, case, oracle, i, clock, path)
        found += alone
        judgement.floors += floors
    if any(f.verdict == "error" for f in found):
        return judgement
    chained, free = _whole(path, case, arrays, all_saved, reference, oracle, clock, found)
    with clock("judge"):
        judgement.floors += _settle_whole(chained, free, oracle)
        for depth, comparisons in (("chained", chained), ("free", free)):
            for quantity, comparison in comparisons.items():
                found.append(settled(path, case, depth, quantity, comparison))
        if all(map(_finite, (*oracle.given, *oracle.cotangents, reference.values()))):
            judgement.kink = _explain_own_runs(subject, case, arrays, found, clock)
        else:
            _void([f for f in found if f.depth != "isolated"])
        _follow(found)
    return judgement


def _follow(found: list[Finding]) -> None:
    """Where PyTorch is inaccurate in one layer, what it has of the whole network is no measure."""
    inaccurate = [f.layer for f in found if f.verdict == "reference"]
    if not inaccurate or any(f.failed and f.depth == "isolated" for f in found):
        return
    for f in found:
        if f.failed and f.comparison is not None:
            f.verdict, f.cause = "reference", f"PyTorch is inaccurate in {inaccurate[0]}"


def _isolated(
    subject: Subject, case: Case, oracle: Any, i: int, clock: Clock, path: str
) -> tuple[list[Finding], Any, int]:
    """(findings, saved, samples) of step i's layer on the reference's inputs and cotangent."""
    step = case.layer.steps[i]
    name = f"{path}{step.outs[0]}"
    kinds = argument_kinds(step.layer, len(step.args))
    given = dict(zip(kinds, oracle.given[i], strict=True))
    drawn = (case.dtype, case.layout, case.hazards, case.seed)
    alone = case_of(step.layer, given, kinds, *drawn, dy=oracle.cotangents[i])
    found: list[Finding] = []
    # A value that depends on nothing smooth carries no gradient in torch.
    names = [n for n, r in zip(given, oracle.requires_grad(i), strict=True) if r]
    reached = bool(names) and any(d is not None for d in alone.dy)
    with clock("reference"):
        expected = dict(zip(names, oracle.isolated[i], strict=True)) if reached else {}
    grads: dict[str, Array] = {}
    with clock("manual"), np.errstate(all="ignore"):
        try:
            ran = passes.forward(step.layer, received(alone))
            if reached:
                grads = passes.backward(step.layer, ran, received_dy(alone))
        except Misconduct as error:
            found = [fault(name, alone, "isolated", error.quantity, str(error))]
            nested = isinstance(alone, NetworkCase)
            return _look_inside(subject, alone, name, found, clock) if nested else found, None, 0
    with clock("judge"):
        grads = {n: g for n, g in grads.items() if n in names or not alone.smooth}
        pending = pair_up(name, alone, ran.outputs, oracle.outputs[i], grads, expected, found)
        floors = 0
        if not all_settled(pending):
            own = Oracle.of(subject.twin, alone)
            own.pull(alone.dy)
            floors = measure(pending, own)
        found += [settled(name, alone, "isolated", q, c) for q, c in pending.items()]
        if not _finite((*oracle.given[i], *alone.dy)):
            _void(found)
        elif any(f.failed for f in found):
            found = _look_closer(subject, alone, name, found, clock)
    return found, ran.saved, floors


def _finite(arrays: Iterable[Array | None]) -> bool:
    return all(a is None or bool(np.isfinite(a).all()) for a in arrays)


def _void(found: list[Finding]) -> None:
    """Make findings vacuous where values overflowed: there is no derivative to agree on."""
    for f in found:
        f.verdict, f.cause = "vacuous", "an input or cotangent is not finite"


def _read_only(arrays: Any) -> list[Array | None]:
    return [None if a is None else frozen(a.view()) for a in arrays]


def _look_closer(
    subject: Subject, alone: Case, name: str, found: list[Finding], clock: Clock
) -> list[Finding]:
    """Look again at a step that disagrees: a network by its own steps, a layer for kinks."""
    if isinstance(alone, NetworkCase):
        return _look_inside(subject, alone, name, found, clock)
    look_closer(subject.twin, alone, found)
    return found


def _look_inside(
    subject: Subject, alone: Case, name: str, found: list[Finding], clock: Clock
) -> list[Finding]:
    """What is wrong in a network's own steps, and what was found of it as a whole."""
    inner = judge_network(subject, alone, clock, path=f"{name}.").findings
    faults = [f for f in inner if f.failed]
    if not faults:  # only a kink or an overflow inside it can explain a difference
        free = {f.quantity: f for f in inner if f.depth == "free"}
        for f in (f for f in found if f.failed and f.comparison is not None and f.quantity in free):
            own = free[f.quantity]
            f.verdict, f.cause, f.comparison = own.verdict, own.cause, own.comparison
    return [*(f for f in faults if f.depth == "isolated"), *found]


def _whole(
    path: str,
    case: Case,
    arrays: list[Array | None],
    all_saved: list[Any],
    reference: dict[str, Array | None],
    oracle: Any,
    clock: Clock,
    found: list[Finding],
) -> tuple[dict[str, Comparison], dict[str, Comparison]]:
    """Comparisons of the network's gradients: chained, and free."""
    net = case.layer
    comparisons: list[dict[str, Comparison]] = []
    values = largest([a for given in oracle.given for a in given if a is not None])
    slopes = largest([d for dy in oracle.cotangents for d in dy if d is not None])
    dy = received_dy(case)
    scale = values * values * slopes  # by which an underflow may be multiplied later
    for depth in ("chained", "free"):
        try:
            with clock("manual"), np.errstate(all="ignore"):
                if depth == "chained":
                    several = isinstance(net.steps[-1].out, tuple)
                    ran = Ran(tuple(oracle.y), tuple(all_saved), several)
                else:
                    ran = passes.forward(net, arrays)
                grads = passes.backward(net, ran, dy)
            with clock("judge"):
                bad: list[Finding] = []
                pending = pair_up(path, case, ran.outputs, oracle.y, grads, reference, bad, scale)
                if depth == "free":

                    def agrees(
                        name: str,
                        array: Array,
                        gradient: Array,
                        pending: dict[str, Comparison] = pending,
                    ) -> bool:
                        if name not in pending:  # its form is wrong already
                            return True
                        again = {name: Comparison(array, gradient, scale)}
                        _settle_whole({}, again, oracle)
                        return again[name].within()

                    faults = conduct.check_gradients(net, arrays, ran, dy, grads, agrees)
                    bad += [fault(path, case, depth, q, t, "disagree") for q, t in faults]
                else:
                    pending = {q: c for q, c in pending.items() if q in reference}
                for f in bad:
                    f.depth = depth
                found += bad
                comparisons.append(pending)
        except Misconduct as error:
            found.append(fault(path, case, depth, error.quantity, str(error)))
            comparisons.append({})
    return comparisons[0], comparisons[1]


def _settle_whole(
    chained: dict[str, Comparison], free: dict[str, Comparison], oracle: NetworkOracle
) -> int:
    """Sample the noise of the whole network for both depths at once."""
    both = {f"chained {q}": c for q, c in chained.items()}
    both |= {f"free {q}": c for q, c in free.items()}

    def for_both(samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            yield {f"{d} {q}": s for q, s in sample.items() for d in ("chained", "free")}

    taken = settle(both, for_both(oracle.cheap_samples()))
    taken += settle(both, for_both(oracle.thorough_samples()))
    return taken + settle(both, for_both(islice(oracle.samples_at_own_state(), _OWN_STATE)))


def _explain_own_runs(
    subject: Subject,
    case: Case,
    arrays: list[Array | None],
    found: list[Finding],
    clock: Clock,
) -> bool:
    """Whether a run differs only because rounding took it across a kink; then it agrees.

    Two forwards that differ by rounding may land on two sides of a kink, and then their gradients
    may differ by any amount. Manual's own run is right if every layer agrees with its twin on the
    inputs and the cotangent of that run, and the gradients are the sums of the layers'. Inside a
    nested network the chained run is manual's own as well.
    """
    failed = [f for f in found if f.failed]
    nested = any(hasattr(step.layer, "steps") for step in case.layer.steps)
    own = ("free", "chained") if nested else ("free",)
    if not failed or any(f.depth not in own or f.comparison is None for f in failed):
        return False
    right = _right_at_own_state(subject, case, arrays, clock)
    if right is None:
        return False
    for f in found:
        if f.depth == "free" and f.quantity in right and not _same(f, right[f.quantity]):
            return False
    for f in failed:
        f.verdict, f.cause = "agree", "a kink lies between the two forwards; right at its own state"
    return True


def _same(finding: Finding, array: Array) -> bool:
    """Whether manual's array equals this one within rounding."""
    c = finding.comparison
    assert c is not None
    with np.errstate(invalid="ignore"):
        return bool(np.all((np.abs(c.manual - array) <= c.bound) | same(c.manual, array)))


def _right_at_own_state(
    subject: Subject, case: Case, arrays: list[Array | None], clock: Clock
) -> dict[str, Array] | None:
    """Outputs and gradients put together from the layers', step by step; None if one is wrong."""
    net = case.layer
    given: list[list[Array | None]] = []
    all_ran: list[Ran] = []

    def call(_: int, step: Any, values: list[Array | None]) -> tuple[Array, ...]:
        given.append(values)
        all_ran.append(passes.forward(step.layer, values))
        return all_ran[-1].outputs

    with np.errstate(all="ignore"):
        outputs = numbered("y", program.run(net, arrays, call))
        arrived: dict[str, Array] = {
            n: d
            for n, d in zip(net.steps[-1].outs, received_dy(case), strict=True)
            if d is not None
        }
        for i in reversed(range(len(net.steps))):
            step = net.steps[i]
            dy = tuple(_read_only(arrived.get(name) for name in step.outs))
            if all(d is None for d in dy):
                continue
            kinds = argument_kinds(step.layer, len(step.args))
            laid = [None if a is None else lay_out(a, "C") for a in given[i]]
            own = dict(zip(kinds, laid, strict=True))
            alone = case_of(step.layer, own, kinds, case.dtype, dy=dy)
            judging = judge_network if isinstance(alone, NetworkCase) else judge_layer
            if any(f.failed for f in judging(subject, alone, clock).findings):
                return None
            grads = passes.backward(step.layer, all_ran[i], dy)
            for slot, name in step.slots:
                if slot in grads:
                    g = grads[slot]
                    arrived[name] = arrived[name] + g if name in arrived else g
    return outputs | {name: g for name, g in arrived.items() if name in net.inputs}
