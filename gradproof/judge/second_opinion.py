"""Two sides that agree may share a mistake: witnesses are asked about some gradients all the same.

They are asked in every case whose reference has a backward pass of somebody's own, and in a share
of the others: the reference may be patched in a way that nobody sees. Where the bound is as wide as
the gradient, since PyTorch loses digits, its function without rounding says whether both lose them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from gradproof.arrays import numbered
from gradproof.cases.case import Case, nearby
from gradproof.judge.kinks import at_kink
from gradproof.judge.verdict import Finding, Judgement, Votes
from gradproof.oracle.exact import exact_results
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import C, same
from gradproof.witnesses.complex_step import complex_step
from gradproof.witnesses.finite_differences import differences

SHARE = 4
"""One case of so many is put to the witnesses."""
_SAMPLES = 8
"""Samples of the noise, taken before two sides are said to share a mistake."""
_RUNS = 4
"""Cases with other last digits."""
_DIRECTIONS = 8
"""Directions in which nothing may jump before two sides are said to share a mistake."""
_CLEARLY = 2.0**-8
"""How far a gradient has to be from what witnesses say, as a share of it."""


def second_opinion(twin: Callable[..., Any], judgement: Judgement, oracle: Oracle) -> None:
    """Make a gradient a disagreement that both sides share, but no witness."""
    case = judgement.case
    assert isinstance(case, Case)
    if judgement.flagged:
        return
    if sum(a is not None and a.dtype.kind == "f" for a in case.arrays.values()) == 1:
        loose = [f for f in judgement.findings if f.verdict == "agree" and _is_loose(f, case)]
        if loose and _entrywise(twin, case, oracle, loose[0].quantity):
            _look_without_rounding(twin, case, loose)
    if case.dtype != "float64" or judgement.kink:  # at a kink a choice need not be the derivative
        return
    own = oracle.own_backward()
    if not own and case.seed % SHARE:
        return
    for finding in judgement.findings:
        if finding.verdict != "agree" or finding.is_output or finding.choice:
            continue
        if finding.quantity not in getattr(case.target, "by_design", {}):
            _ask(twin, finding, oracle, own)


def _is_loose(f: Finding, case: Case) -> bool:
    """Whether a gradient's bound would let a gross error pass, in the size of the cotangent."""
    c = f.comparison
    if c is None or c.exact or f.is_output or f.across or f.choice:
        return False
    return bool((c.bound > np.maximum(_CLEARLY * np.abs(c.reference), _size(case))).any())


def _size(case: Case) -> float:
    """The error that matters: far above a rounding of numbers as large as the cotangent."""
    largest = max((float(np.abs(d).max(initial=0.0)) for d in case.dy if d is not None), default=0)
    return largest * float(np.sqrt(np.finfo(case.dtype).eps)) / 16


def _look_without_rounding(twin: Callable[..., Any], case: Case, loose: list[Finding]) -> None:
    """Make it a disagreement where both sides are far from the function without rounding.

    Not where the function itself is as far away for inputs that differ in their last digit. That
    is all there is to say of a function of one number; in others the way may have to be rounded.
    """
    runs = [exact_results(twin, moved) for moved in (case, *nearby(case, _RUNS))]
    for f in loose:
        c = f.comparison
        if c is None or not all(f.quantity in run for run in runs):
            continue
        (truth, radius), *others = (run[f.quantity] for run in runs)
        with np.errstate(all="ignore"):
            spread = np.max([np.abs(other - truth) for other, _ in others], axis=0)
            off = np.abs(c.manual - truth) - radius - C * spread
            gross = off > np.maximum(_CLEARLY * np.abs(truth), _size(case))
        if gross.any():
            index = tuple(int(i) for i in np.argwhere(gross)[0])
            f.verdict, f.cause = "disagree", "digits are lost on both sides, by a difference"
            said = f"manual ≈ autograd ≠ the function without rounding {truth[index]:.6g}"
            f.votes = Votes(index, said, "both backward passes lose precision here")


def _entrywise(twin: Callable[..., Any], case: Case, oracle: Oracle, name: str) -> bool:
    """Whether an entry of y depends on the same entry of the case's one array, and on no other."""
    x, y = case.arrays[name], oracle.y[0]
    if x is None or y.shape != x.shape:
        return False
    places = np.arange(x.size).reshape(x.shape)
    moved = np.where(x == 0, 1, x * 1.5).astype(x.dtype)
    for bit in range(x.size.bit_length()):  # two different places differ in one bit at least
        for side in (0, 1):
            kept = places >> bit & 1 == side
            beside = replace(case, arrays={**case.arrays, name: np.where(kept, x, moved)})
            if not same(Oracle.of(twin, beside).y[0], y)[kept].all():
                return False
    return True


def _ask(twin: Callable[..., Any], finding: Finding, oracle: Oracle, own: str) -> None:
    """Ask about the largest entry. One witness alone might be wrong: forward is manual's.

    own    the name of a backward pass in the reference that is not PyTorch's; "" if there is none
    """
    c, case = finding.comparison, _pulled(finding.layer_case, oracle)
    if c is None or not c.manual.size:
        return
    at = np.unravel_index(int(np.abs(c.manual).argmax()), c.manual.shape)
    index = tuple(int(i) for i in at)
    value = float(c.manual[index])
    step = complex_step(case, finding.quantity, index)
    if step is not None and not _apart(value, step, 0.0):
        return
    estimate = differences(case, finding.quantity, index)
    if estimate is None or not _apart(value, *estimate):
        return
    noise_of_y, noise = _noise(finding, oracle, index)
    estimate = differences(case, finding.quantity, index, noise_of_y)
    if estimate is None or not _apart(value, estimate[0], estimate[1] + noise):
        return
    if step is not None and not _apart(value, step, noise):
        return
    if at_kink(twin, case, _DIRECTIONS) or _symmetric(finding, index, noise):
        return
    witness, right = ("differences", estimate[0]) if step is None else ("complex step", step)
    finding.verdict = "disagree"
    finding.cause = (
        f"the reference has a backward pass of its own, {own}, with the same mistake"
        if own
        else "the same mistake on both sides; is a function of PyTorch replaced?"
    )
    said = f"manual = autograd ≠ {witness} {right:.6g}"
    finding.votes = Votes(index, said, "both backward passes are wrong")


def _pulled(case: Case, oracle: Oracle) -> Case:
    """The case without cotangents of outputs that carry no gradient in the reference."""
    pairs = zip(case.dy, oracle.carries(), strict=True)
    return replace(case, dy=tuple(d if carries else None for d, carries in pairs))


def _symmetric(finding: Finding, index: tuple[int, ...], noise: float) -> bool:
    """Whether it is the gradient in the space of symmetric matrices, at a symmetric matrix.

    A function that reads one triangle has two gradients there: that of its formula, and the
    symmetric one, which has half of it at either place. Their sums over both places are equal.
    """
    c, case = finding.comparison, finding.layer_case
    x = case.arrays[finding.quantity]
    if c is None or x is None or x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        return False
    if not same(x, np.swapaxes(x, -1, -2)).all():
        return False
    *batch, i, j = index
    if i == j:
        return False
    mirrored = (*batch, j, i)
    one, other = (differences(case, finding.quantity, at) for at in (index, mirrored))
    if one is None or other is None:
        return False
    right, error = one[0] + other[0], one[1] + other[1]
    return not _apart(float(c.manual[index] + c.manual[mirrored]), right, error + 2 * noise)


def _noise(finding: Finding, oracle: Oracle, index: tuple[int, ...]) -> tuple[float, float]:
    """How far rounding moves Σ⟨dy, y⟩, and the gradient at an index."""
    total = gradient = 0.0
    outputs = numbered("y", finding.layer_case.dy)
    for sample in islice(oracle.thorough_samples(), _SAMPLES):
        moved = {name: np.abs(a - b) for name, (a, b) in sample.items()}
        pairs = [(moved[y], d) for y, d in outputs.items() if d is not None and y in moved]
        total = max(total, sum(float((off * np.abs(d)).sum()) for off, d in pairs))
        gradient = max(gradient, float(moved.get(finding.quantity, np.zeros(1))[index]))
    return total, gradient


def _apart(value: float, right: float, error: float) -> bool:
    return abs(value - right) > _CLEARLY * max(abs(value), abs(right)) + 16 * error
