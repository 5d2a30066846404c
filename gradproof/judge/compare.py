"""Pair what was returned with what is right, and sample the noise until all is settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np

from gradproof.arrays import FLOATING, Array, numbered
from gradproof.cases.case import Case, in_precision
from gradproof.judge import conduct
from gradproof.judge.verdict import Finding, fault
from gradproof.oracle.layer import Oracle
from gradproof.oracle.tensors import in_a_hurry
from gradproof.rounding.bound import Comparison, all_settled, settle

Compared: TypeAlias = Callable[[str, Array, Array, float], Comparison]
"""compared(quantity, manual, reference, scale of `Comparison`)."""


def as_returned(_: str, manual: Array, reference: Array, scale: float) -> Comparison:
    """The comparison of what both returned."""
    return Comparison(manual, reference, scale)


def pair_up(
    layer: str,
    case: Case,
    y: Sequence[Array],
    reference_y: Sequence[Array],
    grads: dict[str, Array],
    reference: dict[str, Array | None],
    found: list[Finding],
    scale: float | None = None,
    compared: Compared = as_returned,
) -> dict[str, Comparison]:
    """A comparison for each output and gradient; faults of shape or dtype go to `found`.

    scale       of `Comparison`; the case's own by default
    compared    makes the comparison
    """
    pending: dict[str, Comparison] = {}
    scale = case.scale if scale is None else scale

    def add(quantity: str, manual: Array, expected: Array) -> None:
        wrong = conduct.check_form(manual, expected)
        if wrong:
            wrong += _exchanged(quantity, grads, case)
            found.append(fault(layer, case, "isolated", quantity, wrong, "disagree"))
        elif expected.dtype.kind in FLOATING:
            pending[quantity] = compared(quantity, manual, expected, scale)
        elif not np.array_equal(manual, expected):
            text = "the integers differ"
            found.append(fault(layer, case, "isolated", quantity, text, "disagree"))

    if len(y) != len(reference_y):
        text = f"forward returned {len(y)} outputs; there should be {len(reference_y)}"
        found.append(fault(layer, case, "isolated", "y", text, "disagree"))
    else:
        for (name, out), expected in zip(numbered("y", y).items(), reference_y, strict=True):
            add(name, out, expected)
    for name, g in reference.items():
        array = case.arrays[name]
        if name in grads and array is not None:
            add(name, grads[name], np.zeros_like(in_precision(case, array)) if g is None else g)
        elif g is not None:  # None in torch means that y does not depend on it
            text = "backward returned no gradient for it"
            found.append(fault(layer, case, "isolated", name, text, "disagree"))
    for name in (n for n in grads if n not in reference):
        text = "backward returned a gradient for it, though it has none"
        found.append(fault(layer, case, "isolated", name, text, "disagree"))
    return pending


def _exchanged(name: str, grads: dict[str, Array], case: Case) -> str:
    """For a gradient of a wrong shape: which gradient it was swapped with, in words."""
    shapes = {n: a.shape for n, a in case.arrays.items() if a is not None}
    right, given = shapes.get(name), {n: g.shape for n, g in grads.items()}
    for other, shape in given.items():
        if shape == right != given.get(name) == shapes.get(other):
            return f": swapped with that of {other}?"
    return ""


def measure(pending: dict[str, Comparison], oracle: Oracle) -> int:
    """Sample the oracle's noise until every comparison is settled; returns the number of samples.

    What costs least comes first, and settles nearly all: the terms of a sum of products, the
    kernel's own error, and the gradients of disturbed cotangents.
    """
    if all_settled(pending):
        return 0
    names = oracle.names
    gradients = {name: c for name, c in pending.items() if name in names}
    terms = oracle.magnitudes(backward=not all_settled(gradients))
    for name, sizes in zip(oracle.quantities, terms, strict=bool(terms)):
        if sizes is not None and name in pending and pending[name].unsettled():
            pending[name].add_terms(sizes)

    def backward() -> bool:
        return not all_settled(gradients)

    def unsettled(name: str) -> bool:
        return name in pending and pending[name].unsettled() > 0

    errors = oracle.kernel_errors(unsettled)
    taken = int(bool(terms)) + settle(pending, islice(errors, 1))
    taken += settle(gradients, oracle.cheap_samples(unsettled), while_it_pays=True)
    taken += settle(pending, errors, while_it_pays=True)
    thorough = oracle.thorough_samples(backward)
    taken += settle(pending, islice(thorough, 1))
    left = {n: c for n, c in pending.items() if not (in_a_hurry() and c.hopeless())}
    taken += settle(left, thorough)
    return taken + settle(left, errors)
