"""The truth decides, not the reference: where two sides differ, PyTorch may be inaccurate.

Three truths are asked, in this order, about outputs and gradients alike: the reference's own
function in ball arithmetic; for float32 the reference in float64; and of a gradient the complex
step or differences through manual's forward, where that is torch's function. A forward that
computes in lower precision is flat between its numbers, so the slope of torch's own outputs is
asked as well: it can take that excuse away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case, nearby, smooth_names, wide
from gradproof.judge.verdict import Finding, disagreements
from gradproof.oracle.exact import Enclosed, exact_results
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import BLIND, ZERO, C, Comparison
from gradproof.subject import passes
from gradproof.subject.passes import Misconduct
from gradproof.witnesses.complex_step import complex_step
from gradproof.witnesses.finite_differences import differences

_MOST = 64
"""About so many of the entries witnesses are asked, evenly chosen."""
_GROSS = 2.0**-8
"""A share of the gradient that is too much even where torch's noise is larger."""
_LESS = 1 / 16
"""A witness has to be so much nearer to manual than torch is."""
_RUNS = 8
"""Runs of manual with other last digits."""
_ALIKE = 2.0**-10
"""How near a gradient has to be to a difference quotient to be a derivative."""
_ROUNDINGS = 8
"""So many roundings of the sum of all terms may be in a difference of two such sums."""
_STEP = 1e-6
"""The difference quotient's step, as a share of the number."""
_STEPS = (2.0**-8, 2.0**-14, 2.0**-20)
"""The steps along one entry, as shares of it: the least that is above rounding says most."""
_SCALES = (0.125, 0.125, 1.0, 1.0, 8.0, 8.0)
"""The largest numbers at the points where torch's gradient is compared with a quotient."""


def truth_decides(twin: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement `reference` where manual is right within its bound, and torch is not.

    Where manual is right in some of the entries that differ, the others are the disagreement. What
    is vacuous since torch's noise is as large as the gradient is `reference`, too, if witnesses
    say that torch is far off and manual is not.
    """
    wrong = disagreements(found)
    if wrong:
        exact = exact_results(twin, case)
        if not exact and case.dtype == "float32":
            exact = _in_float64(twin, case)
        for f, over_bound in wrong:
            if f.quantity in exact:
                _compare(f, over_bound, exact[f.quantity])
    if any(f.failed and f.is_output for f in found):
        return
    for f in found:
        c = f.comparison
        if c is None or c.exact or f.is_output:
            continue
        if f.verdict == "disagree":
            over = c.error > c.bound
        elif f.cause in (BLIND, ZERO):
            over = (c.error > _GROSS * np.abs(c.manual)) & (c.manual != 0)  # else it is noise
        else:
            continue
        if _confirmed(twin, f, c, over) and _is_derivative(twin, case, f.quantity):
            _excuse(f, c, c.manual, over)


def _in_float64(twin: Callable[..., Any], case: Case) -> dict[str, Enclosed]:
    case = wide(case)
    made = Oracle.of(twin, case).results(case.dy)
    return {name: (a, np.zeros(a.shape)) for name, a in made.items()}


def _compare(f: Finding, c: Comparison, exact: Enclosed) -> None:
    """Look at the entries over their bound: which of them are manual's fault?"""
    truth, radius = exact
    with np.errstate(all="ignore"):
        off = np.abs(c.manual.astype(np.float64) - truth) + radius
        over = c.error > c.bound
        right = over & ((off <= c.bound) | _beyond(c, truth))
    if not right.any():
        return
    if right[over].all():
        _excuse(f, c, truth, _lost(c, truth) > c.bound)
    else:
        c.error = np.where(right, 0.0, c.error)


def _lost(c: Comparison, right: Array) -> Array:
    """How far torch is off."""
    with np.errstate(all="ignore"):
        off = np.abs(c.reference - right)
        return np.asarray(np.nan_to_num(off, nan=np.inf, posinf=np.inf))


def _beyond(c: Comparison, truth: Array) -> Array:
    """Where manual is infinite, and rightly so: the truth is too large for the dtype."""
    too_large = np.abs(truth) > np.finfo(c.manual.dtype).max
    return np.asarray(np.isinf(c.manual) & too_large & (np.sign(c.manual) == np.sign(truth)))


def _excuse(f: Finding, c: Comparison, right: Array, off: Array) -> None:
    """Manual is right; where torch is off, it is inaccurate, else both are within their bounds."""
    if not off.any():
        f.verdict = "agree"
        return
    with np.errstate(all="ignore"):
        share = _lost(c, right) / np.maximum(np.abs(right), np.finfo(np.float64).tiny)
    f.verdict = "reference"
    worst = float(np.where(off, share, 0.0).max())
    of = -math.log10(np.finfo(c.reference.dtype).eps)
    kept = min(max(-math.log10(worst), 0), of) if 0 < worst < math.inf else 0
    f.cause = f"PyTorch is inaccurate here: {int(kept)} of its {of:.0f} digits are right"


def _confirmed(twin: Callable[..., Any], f: Finding, c: Comparison, over: Array) -> bool:
    """Whether witnesses confirm the entries that differ, and torch's own outputs none of torch's.

    The witnesses go through manual's forward, which may round as coarsely as its backward.
    """
    case, entries = f.layer_case, np.argwhere(over)
    if not len(entries) or f.quantity in getattr(case.target, "by_design", {}):
        return False
    noise: Array | None = None
    for at in entries[:: max(len(entries) // _MOST, 1)]:
        index = tuple(int(i) for i in at)
        right = _witness(case, f.quantity, index)
        if right is None:
            return False
        value, error = right
        off = abs(value - float(c.manual[index]))
        if not off + error <= _LESS * float(c.error[index]):
            return False
        try:
            noise = _own_noise(case, f.quantity) if noise is None else noise
        except Misconduct:  # it does not take such numbers
            return False
        if not off <= float(c.bound[index]) + C * float(noise[index]) + error:
            return False
        apart = _LESS * float(c.error[index])
        if _near_slope(twin, case, f.quantity, index, float(c.reference[index]), apart):
            return False
    return True


def _near_slope(
    twin: Callable[..., Any],
    case: Case,
    name: str,
    index: tuple[int, ...],
    gradient: float,
    apart: float,
) -> bool:
    """Whether a gradient is surely so near to the slope of torch's own outputs in float64."""
    case = wide(case)
    array = case.arrays[name]
    assert array is not None
    size = abs(float(array[index])) or float(np.abs(array).max()) or 1.0

    def quotient(step: float) -> tuple[float, float]:
        up, down = array.copy(), array.copy()
        try:
            with np.errstate(all="ignore"):
                up[index], down[index] = array[index] + step, array[index] - step
                (a, terms), (b, _) = (_sum(twin, case, name, moved) for moved in (up, down))
                width = float(up[index] - down[index])
            return (a - b) / width, _ROUNDINGS * float(np.finfo(float).eps) * terms / width
        except Exception:  # noqa: BLE001  (it may be outside of the function's domain)
            return math.nan, math.nan

    for share in _STEPS:
        (slope, rounding), (other, _) = quotient(share * size), quotient(2 * share * size)
        if abs(slope - gradient) + abs(slope - other) + rounding <= apart:
            return True
    return False


def _witness(case: Case, quantity: str, index: tuple[int, ...]) -> tuple[float, float] | None:
    """What a witness has for an entry, and how far that may be off."""
    step = complex_step(case, quantity, index)
    return differences(case, quantity, index) if step is None else (step, 0.0)


def _own_noise(case: Case, quantity: str) -> Array:
    """How far manual's gradient moves with the last digits of its inputs, entry by entry."""
    moved = []
    with np.errstate(all="ignore"):
        for near in (case, *nearby(case, _RUNS)):
            ran = passes.forward(near.layer, list(near.arrays.values()))
            moved.append(passes.backward(near.layer, ran, near.dy)[quantity].astype(np.float64))
        return np.asarray(np.max([np.abs(g - moved[0]) for g in moved], axis=0))


def _is_derivative(twin: Callable[..., Any], case: Case, name: str) -> bool:
    """Whether torch's gradient is one in general: a rule that is none by design is to be followed.

    Looked at on numbers of the same signs, at three scales; half of the points have to agree.
    """
    case = wide(case)
    r = np.random.default_rng(0)
    agree = []
    for scale in _SCALES:
        arrays = dict(case.arrays)
        for n in smooth_names(case):
            a: Any = arrays[n]
            arrays[n] = np.copysign(scale * r.uniform(0.5, 1, a.shape), a)
        agree.append(_is_slope(twin, replace(case, arrays=arrays), name, r))
    return 2 * sum(agree) >= len(agree)


def _is_slope(twin: Callable[..., Any], case: Case, name: str, r: np.random.Generator) -> bool:
    """Whether torch's gradient is the slope of its own outputs along one direction."""
    here = case.arrays[name]
    assert here is not None
    step = _STEP * np.abs(here) * r.choice([-1.0, 1.0], here.shape)
    try:
        gradient = Oracle.of(twin, case).pull(case.dy)[name]
        (up, size), (down, _) = (_sum(twin, case, name, here + way * step) for way in (1, -1))
    except Exception:  # noqa: BLE001  (it may be outside of the function's domain)
        return False
    if gradient is None:
        return False
    terms = gradient * step
    expected, scale = (up - down) / 2, max(float(np.abs(terms).sum()), abs(up - down))
    rounding = _ROUNDINGS * float(np.finfo(float).eps) * size
    return bool(abs(expected - float(terms.sum())) <= _ALIKE * scale + rounding)


def _sum(twin: Callable[..., Any], case: Case, name: str, array: Array) -> tuple[float, float]:
    """Σ⟨dy, y⟩ with another array, and the sum of its terms' sizes."""
    moved = replace(case, arrays={**case.arrays, name: array})
    pairs = zip(case.dy, Oracle.of(twin, moved).y, strict=True)
    terms = [d * y for d, y in pairs if d is not None]
    return float(sum(t.sum() for t in terms)), float(sum(np.abs(t).sum() for t in terms))
