"""Both sides of a drawn network against the proved interval of each partial derivative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.case import Case, case_of
from gradproof.judge.compare import measure
from gradproof.judge.kinks import jumps
from gradproof.judge.verdict import Judgement
from gradproof.oracle.layer import Oracle
from gradproof.oracle.network import NetworkOracle
from gradproof.rounding.bound import C, Comparison, settle
from gradproof.subject.layer import argument_kinds
from gradproof.subject.subject import Subject
from gradproof.witnesses.enclosure.differentiate import Unsupported
from gradproof.witnesses.enclosure.enclose import MOST, Enclosure, distance, enclose, entries

SIDES = ("manual", "autograd")


def by_design(subject: Subject) -> dict[str, str]:
    """Layers whose backward in torch is not everywhere the derivative of their forward → why."""
    return {
        name: "; ".join(f"{quantity}: {why}" for quantity, why in kind.by_design.items())
        for name, kind in subject.layers.items()
        if getattr(kind, "by_design", None)
    }


@dataclass(frozen=True)
class Gradient:
    """One gradient of a network, both sides of it; arrays are flat, with an entry for each of its.

    layer       the kind of layer that the argument enters first
    outside     by side, how far its values lie outside of the interval; NaN where none is finite
    true        the magnitude of the derivative
    bound       the judge's: C noise floors, of which no more samples were taken than needed
    kink        at a kink or tie, or so near to one that rounding crosses it
    decided     False where no precision sufficed
    convention  beyond its bound because of a layer that is no derivative by design, and of no other
    """

    layer: str
    outside: dict[str, Array]
    true: Array
    bound: Array
    kink: Array
    decided: Array
    convention: Array

    @property
    def proved(self) -> Array:
        """Entries with a derivative to be held against, and numbers on both sides."""
        finite = ~np.isnan(sum(self.outside.values()))
        return np.asarray(self.decided & ~self.kink & ~self.convention & finite)

    def beyond(self, side: str) -> Array:
        """Entries outside of the interval by more than the bound."""
        return np.asarray(self.proved & (self.outside[side] > self.bound))

    def ulps(self, side: str) -> Array:
        """Distances from the interval in units of the last place of the true value, where proved.

        Of values that stand out from their bound: in what cancels, a last place says nothing.
        """
        clear = self.proved & (self.true > self.bound)
        return np.asarray(self.outside[side][clear] / np.spacing(self.true[clear]))


@dataclass(frozen=True)
class Network:
    """What came of one network: its gradients, or why it could not be enclosed."""

    gradients: tuple[Gradient, ...]
    bits: int
    refused: str = ""


def networks(subject: Subject, seed: int) -> Iterator[Network]:
    """Drawn networks in float64 with at most 200 partial derivatives, without end."""
    assert subject.net is not None
    for shard in count(seed * 1_000_003):
        task = Task("network", subject.net.__name__, 100, shard)
        for drawn in judged(subject, task, shrink=False):
            judgement = drawn.judgement
            case = judgement.case
            if case.dtype == "float64" and 0 < entries(case) <= MOST:
                yield measured(subject, judgement)


def measured(subject: Subject, judgement: Judgement) -> Network:
    """Hold a judged network's free run, and autograd's, against the enclosure."""
    case = judgement.case
    try:
        found = enclose(case)
    except Unsupported as error:
        return Network((), 0, str(error))
    compared = {
        f.quantity: f.comparison
        for f in judgement.findings
        if f.depth == "free" and not f.layer and f.comparison and f.quantity in found.balls
    }
    outside = {q: _outside(c, found, q) for q, c in compared.items()}
    against = {q: _against(c, found, q, outside[q]) for q, c in compared.items()}
    oracle = NetworkOracle(subject.twin, case)
    oracle.pull(case.dy)
    _settle(against, oracle)
    beyond = {q: np.asarray(c.error > c.bound).ravel() for q, c in against.items()}
    kinks = {q: found.kinks[q].ravel() for q in compared}
    excused = False
    if any(b.any() for b in beyond.values()):
        for q, near in _near_kinks(subject, case, against).items():
            kinks[q] = kinks[q] | (beyond[q] & near)
        culprits = _not_derivatives(subject, case, oracle)
        excused = bool(culprits) and culprits <= set(by_design(subject))
    gradients = [
        Gradient(
            next(type(s.layer).__name__ for s in case.layer.steps if q in s.args),
            outside[q],
            np.array([abs(float(ball.mid())) for ball in found.balls[q].flat]),
            c.bound.ravel(),
            kinks[q],
            found.decided[q].ravel(),
            beyond[q] & ~kinks[q] & excused & _agree(c),
        )
        for q, c in against.items()
    ]
    return Network(tuple(gradients), found.bits)


def _outside(c: Comparison, found: Enclosure, quantity: str) -> dict[str, Array]:
    off = np.frompyfunc(_off, 2, 1)
    return {
        side: np.asarray(off(values, found.balls[quantity]), dtype=float).ravel()
        for side, values in zip(SIDES, (c.manual, c.reference), strict=True)
    }


def _off(value: Any, ball: Any) -> float:
    return distance(float(value), ball) if np.isfinite(value) and ball.is_finite() else np.nan


def _against(
    c: Comparison, found: Enclosure, quantity: str, outside: dict[str, Array]
) -> Comparison:
    """The comparison with its error replaced by the greater distance from what is proved."""
    proof = Comparison(c.manual, c.reference, c.scale)
    proof.exact, proof.floor = False, np.asarray(c.bound / C)
    asked = found.decided[quantity] & ~found.kinks[quantity]
    error = np.fmax(*outside.values()).reshape(asked.shape)
    proof.error = np.where(asked, np.nan_to_num(error), 0.0)
    return proof


def _agree(c: Comparison) -> Array:
    """Where the two sides are within the bound of each other: the same convention, not a slip."""
    with np.errstate(invalid="ignore"):  # infinities, of which the difference is none
        return np.asarray(np.abs(c.manual - c.reference) <= c.bound).ravel()


def _settle(pending: dict[str, Comparison], oracle: NetworkOracle) -> None:
    """Sample a network's noise until all is within its bound."""
    for stage in (oracle.cheap_samples, oracle.thorough_samples):
        settle(pending, stage())


def _near_kinks(subject: Subject, case: Case, against: dict[str, Comparison]) -> dict[str, Array]:
    """Where both sides chose at a kink within rounding; the exact point lies beside it."""
    found = {}
    hulls = jumps(subject.twin, case, directions=8)
    for quantity, (low, high) in hulls.items():
        if quantity in against:
            c = against[quantity]
            within = low < high
            for values in (c.manual, c.reference):
                within = within & (low - c.bound <= values) & (values <= high + c.bound)
            found[quantity] = within.ravel()
    return found


def _not_derivatives(subject: Subject, case: Case, oracle: NetworkOracle) -> set[str]:
    """The kinds of layers whose gradient by autograd is not that of their forward.

    Each is asked alone, on what it received in autograd's own run.
    """
    found: set[str] = set()
    for i, step in enumerate(case.layer.steps):
        kinds = argument_kinds(step.layer, len(step.args))
        given = dict(zip(kinds, oracle.given[i], strict=True))
        alone = case_of(step.layer, given, kinds, case.dtype, dy=oracle.cotangents[i])
        if all(d is None for d in alone.dy):
            continue
        if hasattr(step.layer, "steps"):
            inner = NetworkOracle(subject.twin, alone)
            inner.pull(alone.dy)
            found |= _not_derivatives(subject, alone, inner)
        elif not is_derivative(subject, alone):
            found.add(alone.kind)
    return found


def is_derivative(subject: Subject, case: Case) -> bool:
    """Whether a layer's gradient by autograd lies within its bound of the proved one.

    What is at a kink, undecided or not enclosed counts as such.
    """
    try:
        found = enclose(case)
    except Unsupported:
        return True
    oracle = Oracle.of(subject.twin, case)
    pending = {}
    for name, g in oracle.pull(case.dy).items():
        if g is not None:
            c = Comparison(g, g, case.scale)
            pending[name] = _against(c, found, name, _outside(c, found, name))
    measure(pending, oracle)
    return all(c.within() for c in pending.values())
