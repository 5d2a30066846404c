"""The wrong layers: the catalogue of bugs in the source, and a sample of mutants."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from random import Random

import numpy as np

from benchmarks.rivals import output_mutants
from gradproof.arrays import Array
from gradproof.cases.case import Case, received
from gradproof.mutation.behaviour import Behaviour
from gradproof.subject import passes
from gradproof.subject.passes import Misconduct
from gradproof.subject.subject import Subject

Cases = Mapping[type, Sequence[Case]]


@dataclass(frozen=True)
class Planted:
    """A wrong rule of one kind of layer.

    source   "catalogue", or "mutant"
    plant    a context in which every layer of this kind is wrong
    """

    source: str
    name: str
    kind: type
    plant: Callable[[], AbstractContextManager[None]]


def catalogue(subject: Subject) -> list[Planted]:
    """The bugs of layers and losses; those of optimisers and networks are no functions' bugs."""
    kinds = subject.layers
    return [
        Planted("catalogue", bug.name, kinds[bug.kind], bug.planted)
        for bug in (subject.bugs() if subject.bugs is not None else ())
        if bug.kind in kinds and kinds[bug.kind] is not subject.net
    ]


def sample_of_mutants(cases: Cases, count: int, seed: int) -> list[Planted]:
    """So many of all mutants, at random, but for those that change nothing in these cases.

    Sums are left out: that mutant is right for a cotangent with one entry, which slow gradcheck
    asks for, and no wrong rule in a source is.
    """
    every = [
        (kind, mutation)
        for kind, given in cases.items()
        for mutation in output_mutants.mutations(given)
        if mutation.name != "unsummed"
    ]
    Random(seed).shuffle(every)  # noqa: S311  (a sample, no secret)
    found: list[Planted] = []
    for kind, mutation in every:
        if len(found) == count:
            break
        name = f"{kind.__name__}: {mutation}"
        planted = Planted("mutant", name, kind, partial(output_mutants.planted, kind, mutation))
        if any(_changes_much(planted, case) for case in cases[kind]):
            found.append(planted)
    return found


def _changes_much(planted: Planted, case: Case) -> bool:
    right = Behaviour(output_mutants.gradients(case))
    with planted.plant():
        return right.differs(Behaviour(output_mutants.gradients(case)))


def showing(planted: Planted, cases: Sequence[Case], count: int) -> list[Case]:
    """The first cases in which the bug changes an output or gradient; if none, the first of all."""
    found: Iterator[Case] = (case for case in cases if _changes(planted, case))
    return [case for case, _ in zip(found, range(count), strict=False)] or list(cases[:count])


def _changes(planted: Planted, case: Case) -> bool:
    right = _everything(case)
    with planted.plant():
        wrong = _everything(case)
    return right.keys() != wrong.keys() or any(
        a.dtype != wrong[n].dtype or not np.array_equal(a, wrong[n], equal_nan=True)
        for n, a in right.items()
    )


def _everything(case: Case) -> dict[str, Array]:
    """Outputs and gradients by name; nothing where the layer fails."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            ran = passes.forward(case.layer, received(case))
            grads = passes.backward(case.layer, ran, case.dy)
        except Misconduct:
            return {}
    return {f"y{i}": y for i, y in enumerate(ran.outputs)} | grads
