"""The row on a drawn case: what was generated, and where the time went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradproof.cases.case import NetworkCase
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.judge.clock import Clock
from gradproof.judge.verdict import Judgement
from gradproof.storage.rows import Example


def example_row(run: str, name: str, source: str, judgement: Judgement, clock: Clock) -> Example:
    """The row on a judged case; the clock says where the time went."""
    case = judgement.case
    assert not isinstance(case, UpdateCase), "a single update is not drawn"
    net = case.layer if isinstance(case, NetworkCase) else None
    steps = net.steps if net is not None else ()
    arrays = {n: a for n, a in case.arrays.items() if a is not None}
    sizes = [n for a in arrays.values() for n in a.shape] or [1]
    return Example(
        run,
        name,
        source,
        case.seed,
        len(steps) or 1,
        min(sizes),
        max(sizes),
        sum(a.size for n, a in arrays.items() if case.kinds[n] == "param"),
        case.dtype,
        " ".join(type(step.layer).__name__ for step in steps) or case.kind,
        " ".join(case.hazards),
        " ".join(features(net, case.kinds)) if net is not None else "",
        judgement.kink,
        judgement.verdict,
        judgement.floors,
        *clock.seconds.values(),
    )


def features(net: Any, kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield what makes a network more than a chain: fan-out, tied, residual, …"""
    steps = net.steps
    reads = [name for step in steps for name in step.args if name is not None]
    made = {name for step in steps for name in step.outs}
    repeated = {name for name in reads if reads.count(name) > 1}
    if repeated & made:
        yield "fan-out"
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
