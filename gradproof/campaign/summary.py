"""The verdict and the counts of a run."""

from __future__ import annotations

import math
from typing import Any

from gradproof.campaign.task import Done

MOST_VACUOUS = 0.05
"""The run fails if a larger share of its networks is vacuous."""


def summarise(done: list[Done]) -> dict[str, Any]:
    """The verdict and the counts of the tasks that were finished."""
    done = sorted(done, key=lambda d: d.task.name)  # they come as they are finished
    verdicts: dict[str, int] = {}
    for d in done:
        for verdict, count in d.verdicts.items():
            verdicts[verdict] = verdicts.get(verdict, 0) + count
    networks = [d for d in done if d.task.source == "network"]
    vacuous = sum(d.verdicts.get("vacuous", 0) for d in networks)
    drawn = sum(d.examples for d in networks)
    bad = verdicts.get("disagree", 0) + verdicts.get("error", 0)
    blind = too_vacuous(vacuous, drawn)
    return {
        "verdict": "disagree" if bad or blind else "agree",
        "too vacuous": blind,
        "verdicts": verdicts,
        "counts": {
            "networks": drawn,
            "vacuous networks": vacuous,
            "layer cases": sum(d.examples for d in done if d.task.source == "layer"),
            "optimizer cases": sum(d.examples for d in done if d.task.source == "optimizer"),
            "trajectories": sum(d.task.source == "trajectory" for d in done),
            "arrays": sum(d.arrays for d in done),
        },
        "counterexamples": sorted(w for d in done for w in d.counterexamples),
        "accuracy": [a for d in done for a in d.extra.get("accuracy", [])],
        "sensitivity": {
            layer: errors for d in done for layer, errors in d.extra.get("sensitivity", {}).items()
        },
    }


def too_vacuous(vacuous: int, networks: int) -> bool:
    """Whether more than 1 in 20 networks are vacuous, beyond three standard deviations of chance.

    Source    the normal approximation of the binomial distribution: np ± 3 √(np (1 − p))
    """
    expected = networks * MOST_VACUOUS
    return vacuous > expected + 3 * math.sqrt(expected * (1 - MOST_VACUOUS))


def pace(done: list[Done], processes: int) -> dict[str, Any]:
    """How fast networks were judged; {} if there were none.

    The time runs from the start of the first network task to the end of the last one, whatever
    else the processes did in between.
    """
    tasks = [d for d in done if d.task.source == "network"]
    if not tasks:
        return {}
    seconds = max(d.span[1] for d in tasks) - min(d.span[0] for d in tasks)
    networks = sum(d.examples for d in tasks)
    return {
        "pace": {
            "networks": networks,
            "seconds": seconds,
            "processes": processes,
            "networks_per_minute": 60 * networks / seconds,
        }
    }
