"""What is wrong with an optimiser's change of a parameter."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import elsewhere, varied
from gradproof.diagnosis.rules import missing_term
from gradproof.subject.layer_options import options_of

_EXACT = 1e-4
"""Relative difference up to which a factor counts as constant: eps beside a root moves it."""


def update(e: Evidence) -> str:
    """A factor of the change, and the options and step count that it consists of."""
    if not e.is_gradient:
        return ""
    change = _change(e)
    ratio = missing_term.ratio(change, _EXACT)
    if ratio is None:
        said = missing_term.factor(_everywhere(change), _EXACT) or missing_term.factor(
            change, _EXACT
        )
        for key in (n.removeprefix("new ") for n in e.arrays if n.startswith("new ")):
            if said.startswith(f"as if {key} stood for new {key},"):
                return f"wrong order: {key} as it is before its update, not after it"
        return said and f"in the change, {said}"
    if abs(ratio - 1) < 1e-3:
        return ""
    if ratio < 0:
        return "the sign of the change" + ("" if _same(ratio, -1) else " and a factor")
    made_of = _made_of(e, ratio)
    return f"factor {ratio:.4g} of the change ({made_of or 'the same for all gradients'})"


def _change(e: Evidence) -> Evidence:
    """The same evidence on what is added to the parameter."""
    start = e.arrays["param"]
    others = tuple(_change(other) for other in e.others)
    return replace(e, manual=e.manual - start, reference=e.reference - start, others=others)


def _everywhere(e: Evidence) -> Evidence:
    """The same evidence with the cases whose inputs have other signs."""
    wrong = (_change(c) for c in e.judge_again(elsewhere) if c.over.any())
    return replace(e, others=(*e.others, *wrong))


def _made_of(e: Evidence, ratio: float) -> str:
    """The options that have this ratio, here and in other cases; "" if there are none."""
    cases = [(dict(_numbers(e)), ratio), *_elsewhere(e)]
    names = ["1", *cases[0][0]]
    for one, other in itertools.permutations(names, 2):
        if all(
            one in n and other in n and _same(by * n[other], n[one])
            for n, by in (({"1": 1.0, **numbers}, by) for numbers, by in cases)
        ):
            return f"{one} / {other}".removesuffix(" / 1")
    return ""


def _elsewhere(e: Evidence) -> Iterator[tuple[dict[str, float], float]]:
    """Yield the numbers and the factor of the change in the next step, and with other options."""
    step = e.judge_next_step()
    for other in map(_change, (*([step] if step else []), *e.judge_again(varied))):
        at = np.abs(other.reference).argmax()
        if other.reference.flat[at]:
            yield dict(_numbers(other)), float(other.manual.flat[at] / other.reference.flat[at])


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= 4 * _EXACT * abs(b)


def _numbers(e: Evidence) -> Iterator[tuple[str, float]]:
    """Yield the options, and the corrections of an average after so many steps."""
    before = e.before.get(f"{e.quantity}.step")
    step = 1 + (0 if before is None else float(np.asarray(before)))
    for option, value in options_of(e.case.target).items():
        several = isinstance(value, tuple)
        for i, one in enumerate(value if several else (value,)):
            name = f"{option}[{i}]" if several else option
            if not isinstance(one, float) or one in (0, 1):
                continue
            yield name, one
            if 0 < one < 1:
                yield f"(1 − {name})", 1 - one
                yield f"(1 − {name}^step)", 1 - one**step
                yield f"√(1 − {name})", math.sqrt(1 - one)
                yield f"√(1 − {name}^step)", math.sqrt(1 - one**step)
    yield "step", step
