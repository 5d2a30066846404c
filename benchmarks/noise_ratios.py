"""How many noise floors an error takes, by how many samples of the noise are taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gradproof.campaign.search import judged
from gradproof.campaign.sensitivity import plant, plantable
from gradproof.campaign.task import Task
from gradproof.judge.verdict import Finding, Judgement
from gradproof.oracle.layer import Oracle
from gradproof.oracle.network import NetworkOracle
from gradproof.oracle.tensors import CHEAP, THOROUGH
from gradproof.rounding.bound import Comparison, vacuous
from gradproof.subject.subject import Subject

ERROR = 1e-3
"""A planted relative error. What is measured, the floor of its entry, is the same for any."""
CHEAP_TAKEN = (0, CHEAP)
THOROUGH_TAKEN = (0, *(THOROUGH // k for k in (8, 4, 2, 1)))

Samples: TypeAlias = tuple[int, int]
"""How many are taken: of disturbed cotangents, and of all arithmetic."""


@dataclass(frozen=True)
class Probe:
    """What is measured of an array: a figure of a comparison after each number of samples."""

    finding: Finding
    comparison: Comparison
    depth: str
    figure: Callable[[Comparison], float]


@dataclass(frozen=True)
class Measured:
    """One compared array, or one planted error.

    depth     isolated, chained, free, or planted
    floors    by samples: the array's greatest error in noise floors; of a planted error, the noise
              floor of its entry relative to the entry
    """

    kind: str
    depth: str
    quantity: str
    dtype: str
    floors: Mapping[Samples, float]


def measure(
    subject: Subject, kind: type, cases: int, seed: int
) -> Iterator[tuple[list[Measured], int]]:
    """For each drawn case of a layer, or network: what is measured, and how many are left out.

    Left out are arrays that another rule than the bound decides on: at a kink between two
    forwards, at a declared convention, or after an overflow.
    """
    source = "network" if kind is subject.net else "layer"
    task = Task(source, kind.__name__, cases, seed)
    for i, drawn in enumerate(judged(subject, task, shrink=False)):
        judgement = drawn.judgement
        compared = [f for f in judgement.findings if f.comparison is not None]
        probes = [
            Probe(f, f.comparison, f.depth, greatest)
            for f in compared
            if f.comparison is not None and f.cause in ("", vacuous(f.comparison))
        ]
        left_out = len(compared) - len(probes)
        if source == "layer":
            probes += _planted(judgement, np.random.default_rng([seed, i]))
        groups: dict[int, list[Probe]] = defaultdict(list)
        for p in probes:
            groups[id(p.finding.case)].append(p)
        yield [m for group in groups.values() for m in _measured(subject, group)], left_out


def greatest(c: Comparison) -> float:
    """The greatest error in noise floors; an infinite one where the noise is too is no evidence."""
    if c.exact or not c.error.size:
        return 0.0
    with np.errstate(all="ignore"):
        ratio = np.asarray(c.error / c.floor)
    return float(np.where((c.error == 0) | np.isnan(ratio), 0.0, ratio).max())


def _planted(judgement: Judgement, generator: np.random.Generator) -> list[Probe]:
    f = plantable(judgement, generator)
    if f is None or f.comparison is None:
        return []
    wrong, entry = plant(f.comparison, ERROR, generator)
    if wrong.exact:  # too small a number to have an error of that size
        return []

    def relative(c: Comparison) -> float:
        return float(c.floor.flat[entry] / abs(c.reference.flat[entry]))

    return [Probe(f, wrong, "planted", relative)]


def _measured(subject: Subject, probes: list[Probe]) -> list[Measured]:
    """Probes of one case, which share their samples."""
    again = {cheap: [_afresh(p.comparison) for p in probes] for cheap in CHEAP_TAKEN}
    floors: list[dict[Samples, float]] = [{} for _ in probes]

    def note(thorough: int) -> None:
        for cheap, comparisons in again.items():
            for p, c, by_samples in zip(probes, comparisons, floors, strict=True):
                by_samples[cheap, thorough] = p.figure(c)

    def add(sample: Mapping[str, Any], cheap: int) -> None:
        for p, c in zip(probes, again[cheap], strict=True):
            if p.finding.quantity in sample:
                c.add(*sample[p.finding.quantity])

    terms, cheaply, thoroughly = _samples(subject, probes[0].finding)
    if any(not p.comparison.exact for p in probes):
        for p, c in zip(probes, again[CHEAP], strict=True):
            if p.finding.quantity in terms:
                c.add_terms(terms[p.finding.quantity])
        for sample in cheaply:
            add(sample, CHEAP)
        note(0)
        for taken, sample in enumerate(thoroughly, 1):
            for cheap in CHEAP_TAKEN:
                add(sample, cheap)
            if taken in THOROUGH_TAKEN:
                note(taken)
    else:  # whatever the floors are
        for taken in THOROUGH_TAKEN:
            note(taken)
    return [
        Measured(p.finding.kind, p.depth, p.finding.quantity, p.finding.case.dtype, by_samples)
        for p, by_samples in zip(probes, floors, strict=True)
    ]


def _afresh(c: Comparison) -> Comparison:
    return Comparison(c.manual, c.reference, c.scale)


def _samples(
    subject: Subject, finding: Finding
) -> tuple[dict[str, Any], Iterator[dict[str, Any]], Iterator[dict[str, Any]]]:
    """Terms, cheap samples and thorough samples of a finding's case, as the judge takes them."""
    case = finding.case
    terms: list[Any] = []
    if finding.depth == "isolated":
        oracle: Any = Oracle.of(subject.twin, case)
        oracle.pull(case.dy)
        terms = oracle.magnitudes()
    else:
        oracle = NetworkOracle(subject.twin, case)
        oracle.pull(case.dy)
    of_terms = {n: t for n, t in zip(oracle.quantities, terms, strict=False) if t is not None}
    return of_terms, oracle.cheap_samples(), oracle.thorough_samples()
