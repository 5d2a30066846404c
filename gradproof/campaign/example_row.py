"""The row on a drawn case: what was generated, and where the time went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradproof.judge.clock import Clock
from gradproof.judge.verdict import Judgement
from gradproof.storage.rows import Example


@dataclass
class About:
    """What is recorded of a drawn case beside the judgement."""

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
            " ".join(features(case.layer)),
            judgement.kink,
            self.verdict,
            judgement.floors,
            s["draw"],
            s["manual"],
            s["reference"],
            s["judge"],
        )


def features(layer: Any) -> Iterator[str]:
    """Yield what makes a network more than a chain: fan-out, tied, residual, …"""
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
