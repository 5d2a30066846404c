"""Judging one layer on one case: its outputs and gradients against PyTorch's, in isolation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradproof import hygiene
from gradproof.bound import Comparison, settle, within
from gradproof.cases import Case, numbered, received, received_dy, smooth_names
from gradproof.clock import Clock
from gradproof.fill import Array
from gradproof.hygiene import Misconduct
from gradproof.subject import Subject
from gradproof.verdict import Finding, Judgement, fault, settled

Samples = Iterator[dict[str, Any]]


def judge_layer(subject: Subject, case: Case, clock: Clock) -> Judgement:
    """Compare a layer with its twin, entry by entry, and look after its conduct."""
    from gradproof.kinks import at_kink, conventions
    from gradproof.oracle import Oracle
    from gradproof.overflow import overflows

    function = partial(subject.twin, case.layer)
    with clock("reference"):
        oracle = Oracle(function, list(case.arrays.values()), case.smooth)
    with clock("draw"):
        case = case.with_dy(oracle.y)
        arrays, dy = received(case), received_dy(case)
    with clock("reference"):
        oracle.set_dy(case.dy)
        reference = dict(zip(smooth_names(case), oracle.gradients(), strict=True))
    judgement = Judgement(case)
    found = judgement.findings
    with clock("manual"):
        try:
            with np.errstate(all="ignore"), hygiene.poisoned():
                ran = hygiene.forward(case.layer, arrays)
                grads = hygiene.backward(case.layer, ran, dy)
        except Misconduct as error:
            found.append(fault("", case, "isolated", error.quantity, str(error)))
            return judgement
    with clock("judge"):
        pending = pair_up("", case, ran.outputs, oracle.y, grads, reference, found)
        judgement.floors = measure(pending, oracle, list(reference))

        def agrees(name: str, array: Array, gradient: Array) -> bool:
            if name not in pending:  # its form is wrong already
                return True
            again = {name: Comparison(array, gradient, case.scale)}
            judgement.floors += measure(again, oracle, list(reference))
            return again[name].within()

        conduct = hygiene.check_gradients(case.layer, arrays, ran, dy, grads, agrees)
        try:
            faults = dict(conduct)
        except Misconduct as error:
            faults = {error.quantity: str(error)}
        for quantity, comparison in pending.items():
            found.append(settled("", case, "isolated", quantity, comparison))
        found += [fault("", case, "isolated", q, text, "disagree") for q, text in faults.items()]
        conventions(function, case, found)
        overflows(function, case, found)
        judgement.kink = at_kink(function, case)
    return judgement


def pair_up(
    layer: str,
    case: Case,
    y: Sequence[Array],
    reference_y: Sequence[Array],
    grads: dict[str, Array],
    reference: dict[str, Array | None],
    found: list[Finding],
    scale: float | None = None,
) -> dict[str, Comparison]:
    """A comparison for each output and gradient; what cannot be compared goes to `found`.

    scale    of `Comparison`; the case's own by default
    """
    pending: dict[str, Comparison] = {}
    scale = case.scale if scale is None else scale

    def add(quantity: str, manual: Array, expected: Array) -> None:
        wrong = hygiene.check_form(manual, expected)
        if wrong:
            wrong += _exchanged(quantity, grads, case)
            found.append(fault(layer, case, "isolated", quantity, wrong, "disagree"))
        elif expected.dtype.kind == "f":
            pending[quantity] = Comparison(manual, expected, scale)
        elif not np.array_equal(manual, expected):
            found.append(fault(layer, case, "isolated", quantity, "other integers", "disagree"))

    if len(y) != len(reference_y):
        text = f"forward returned {len(y)} outputs; there should be {len(reference_y)}"
        found.append(fault(layer, case, "isolated", "y", text, "disagree"))
    else:
        for (name, out), expected in zip(numbered("y", y).items(), reference_y, strict=True):
            add(name, out, expected)
    for name, g in reference.items():
        array = case.arrays[name]
        if name in grads and array is not None:
            add(name, grads[name], np.zeros_like(array) if g is None else g)
        elif g is not None:  # torch's None says that y does not depend on it
            text = "backward returned no gradient for it"
            found.append(fault(layer, case, "isolated", name, text, "disagree"))
    for name in (n for n in grads if n not in reference):
        text = "backward returned a gradient for it, though it has none"
        found.append(fault(layer, case, "isolated", name, text, "disagree"))
    return pending


def _exchanged(name: str, grads: dict[str, Array], case: Case) -> str:
    """Of a gradient of another form: whose gradient has its form, and is of the form of that."""
    shapes = {n: a.shape for n, a in case.arrays.items() if a is not None}
    right, given = shapes.get(name), {n: g.shape for n, g in grads.items()}
    for other, shape in given.items():
        if shape == right != given.get(name) == shapes.get(other):
            return f": swapped with that of {other}?"
    return ""


def measure(pending: dict[str, Comparison], oracle: Any, names: list[str]) -> int:
    """Sample the oracle's noise until every comparison is settled; returns the samples taken.

    What is a sum of products is settled by its terms, nearly always. Where an output needs whole
    runs, these come first: they disturb the gradients as well.
    """
    if within(pending):
        return 0
    gradients = {name: c for name, c in pending.items() if name in names}
    every = [*numbered("y", oracle.y), *names]

    def named(samples: Iterator[Any], own: list[str]) -> Samples:
        for sample in samples:
            yield {n: s for n, s in zip(own, sample, strict=True) if s is not None}

    terms = oracle.magnitudes(backward=not within(gradients))
    for name, sizes in zip(every, terms, strict=bool(terms)):
        if sizes is not None and name in pending and not pending[name].within():
            pending[name].add_terms(sizes)
    if within(pending):
        return 1
    cheap = named(oracle.cheap_samples(), names)
    thorough = named(oracle.thorough_samples(lambda: not within(gradients)), every)
    if within({n: c for n, c in pending.items() if n not in names}):
        return settle(gradients, cheap) + settle(pending, thorough)
    return settle(pending, thorough) + settle(gradients, cheap)
