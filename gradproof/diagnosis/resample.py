"""Re-judging on fresh inputs: one case can fit a wrong explanation by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array, in_double
from gradproof.cases.accepted import accepted
from gradproof.cases.case import Case, NetworkCase, received
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.diagnosis import budget
from gradproof.judge.clock import Clock
from gradproof.judge.layer import judge_layer
from gradproof.judge.optimizer import judge_update
from gradproof.judge.verdict import Finding
from gradproof.oracle.optimizer import ReferenceStep, as_arrays
from gradproof.subject import passes
from gradproof.subject.layer_options import options_of, with_options
from gradproof.subject.passes import Ran
from gradproof.subject.subject import Subject

Move: TypeAlias = Callable[[Array | None, np.random.Generator], Any]
Found: TypeAlias = Iterator[tuple[Finding, Sequence[Finding]]]
"""Findings on the same array in other cases, each with its siblings."""
Sort: TypeAlias = Callable[[Subject, Finding], Found]
"""What makes fresh cases of one sort and judges them."""

TIMES = 6
"""Fresh cases that are tried, of each sort."""
VARIED = 2
"""Other values of the options that are tried."""


def again(subject: Subject, finding: Finding) -> Found:
    """Yield the finding on the same array in fresh cases that disagree too.

    Fresh cases have other cotangents, and inputs of the same signs, zeros and domain. There are
    none for a network, whose program is what matters.
    """
    for found in _cases(subject, finding, _moved):
        same = _same_array(finding, found)
        if same is not None and same.failed:
            yield same, [f for f in found if f is not same]


def right_apart(subject: Subject, finding: Finding) -> bool:
    """Whether the array is right once the inputs are moved off every kink and tie."""
    found = [_same_array(finding, case) for case in _cases(subject, finding, _off)]
    return any(found) and not any(f is not None and f.failed for f in found)


def wrong_beside(subject: Subject, finding: Finding) -> bool:
    """Whether the array is wrong just beside the kink or tie too."""
    found = [_same_array(finding, case) for case in _cases(subject, finding, _barely)]
    return any(found) and all(f is None or f.failed for f in found)


def elsewhere(subject: Subject, finding: Finding) -> Found:
    """Yield the finding on the same array, right or wrong, on inputs of other sizes and signs."""
    for found in (*_cases(subject, finding, _sized), *_cases(subject, finding, _turned)):
        yield from _there(finding, found)


def later(subject: Subject, finding: Finding) -> Found:
    """Yield the finding on the same array in an optimiser's next step; nothing for a layer."""
    ahead = isinstance(finding.case, UpdateCase)
    for found in _cases(subject, finding, _turned, ahead=True) if ahead else ():
        yield from _wrong(finding, found)


def varied(subject: Subject, finding: Finding) -> Found:
    """Yield the finding on the same array with other values of all float options."""
    for seed in range(VARIED):
        r = np.random.default_rng([finding.case.seed, seed])
        yield from _wrong(finding, _tried(partial(_with_options, subject, finding, r)))


def _with_options(subject: Subject, finding: Finding, r: np.random.Generator) -> Sequence[Finding]:
    case = finding.case
    other = with_options(case.target, **dict(_nearby(case.target, r)))
    if isinstance(case, UpdateCase):
        return _judged(subject, replace(case, optimizer=other), r, _moved)
    return _judged(subject, replace(case, layer=other), r, _moved)


def _tried(judging: Callable[[], Sequence[Finding]]) -> Sequence[Finding]:
    """The findings; none where the case cannot be judged."""
    try:
        return judging()
    except Exception:  # noqa: BLE001  (a layer may raise anything on what it does not take)
        return []


def _wrong(finding: Finding, found: Sequence[Finding]) -> Found:
    """Yield the finding on the same array in another case, if it disagrees there too."""
    return ((same, others) for same, others in _there(finding, found) if same.failed)


def _there(finding: Finding, found: Sequence[Finding]) -> Found:
    """Yield the finding on the same array in another case, right or wrong, if all is finite."""
    same = _same_array(finding, found)
    if same is not None and _finite(same):
        yield same, [f for f in found if f is not same]


def _nearby(layer: Any, r: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Yield the float options, each made smaller by a factor of its own."""
    for name, value in options_of(layer).items():
        if isinstance(value, float):
            yield name, value * r.uniform(0.8, 0.98)
        elif isinstance(value, tuple) and any(isinstance(v, float) for v in value):
            yield name, tuple(v * r.uniform(0.8, 0.98) for v in value)


def larger(subject: Subject, finding: Finding) -> Found:
    """Yield the finding on the same array where axes are longer and it disagrees too.

    Nothing for an optimiser, which updates each entry by itself, or a network.
    """
    case = finding.case
    if isinstance(case, (UpdateCase, NetworkCase)):
        return
    for seed, longer in enumerate(_longer(case.arrays)):
        r = np.random.default_rng([case.seed, seed])
        arrays = {n: _grown(a, longer, r) for n, a in case.arrays.items()}
        yield from _wrong(finding, _judged_with(subject, case, arrays))


def stretched(subject: Subject, finding: Finding) -> Found:
    """Yield the finding on the same array, right or wrong, where one argument's axis is longer.

    Lengths that are equal by chance in a small case are then told apart. Nothing for an optimiser
    or a network.
    """
    case = finding.case
    if isinstance(case, (UpdateCase, NetworkCase)):
        return
    for name, a in case.arrays.items():
        if a is None or not a.size:
            continue
        for axis in range(a.ndim):
            r = np.random.default_rng([case.seed, axis])
            arrays = {n: in_double(b) for n, b in case.arrays.items()}
            shape = tuple(n + 2 * (i == axis) for i, n in enumerate(a.shape))
            arrays[name] = _similar(a, shape, r)
            yield from _there(finding, _judged_with(subject, case, arrays))


def spread(subject: Subject, finding: Finding) -> Found:
    """Yield the finding on the same array, right or wrong, on inputs of sizes far apart."""
    for found in _cases(subject, finding, _scattered):
        yield from _there(finding, found)


def _judged_with(
    subject: Subject, case: Case, arrays: Mapping[str, Array | None]
) -> Sequence[Finding]:
    """The findings of a case with arrays of other shapes; none where it cannot be judged."""
    other = replace(case, arrays=arrays, dtype="float64", hazards=("normal",) * 3, dy=())
    return _tried(partial(_findings, subject, other))


def _findings(subject: Subject, case: Case) -> Sequence[Finding]:
    budget.check()
    _check_accepted(subject, case)
    ran(case)
    return judge_layer(subject, case, Clock(), final=False).findings


def _check_accepted(subject: Subject, case: Case) -> None:
    """Raise ValueError for a made-up case that the layer's rule refuses."""
    rule = subject.rules.get(type(case.layer))
    if rule is not None and not accepted(rule.accepts, case):
        raise ValueError("the layer's rule refuses it")


def ran(case: Case) -> Ran:
    """Run the hand-written forward on the case's arrays.

    It runs before the twin on every made-up case: some of torch's kernels crash on arrays that do
    not fit.

    Raises    Misconduct when it fails
    """
    with np.errstate(all="ignore"):
        return passes.forward(case.layer, received(case))


def _longer(arrays: Mapping[str, Array | None]) -> Iterator[Mapping[int, int]]:
    """Yield longer lengths for all axes, then for the axes of one length; equal axes stay equal."""
    lengths = sorted({n for a in arrays.values() if a is not None for n in a.shape if n})
    if lengths:
        yield {n: n + 2 for n in lengths}
        yield from ({n: n + 2 + k} for n in lengths for k in range(2))


def _grown(a: Array | None, longer: Mapping[int, int], r: np.random.Generator) -> Any:
    """An array of similar numbers with longer axes."""
    if a is None or not a.size:
        return a
    return _similar(a, tuple(longer.get(n, n) for n in a.shape), r)


def _similar(a: Array, shape: tuple[int, ...], r: np.random.Generator) -> Any:
    """An array of this shape with similar numbers."""
    drawn = r.choice(a.ravel(), shape)
    return _moved(drawn, r) if a.dtype.kind == "f" else np.asarray(drawn, dtype=a.dtype)


def _finite(finding: Finding) -> bool:
    c = finding.comparison
    return c is not None and bool(np.isfinite(c.manual).all() and np.isfinite(c.reference).all())


def _same_array(finding: Finding, found: Sequence[Finding]) -> Finding | None:
    same = (f for f in found if f.quantity == finding.quantity and f.comparison is not None)
    return next(same, None)


def _cases(
    subject: Subject, finding: Finding, move: Move, ahead: bool = False
) -> Iterator[Sequence[Finding]]:
    """Yield the findings on moved inputs; ahead: after one more step of an optimiser."""
    if isinstance(finding.case, NetworkCase):
        return
    for seed in range(TIMES):
        r = np.random.default_rng([finding.case.seed, seed])
        try:
            yield _judged(subject, finding.case, r, move, ahead)
        except Exception:  # noqa: BLE001, S112  (moved inputs may lie outside the domain)
            continue


def _judged(
    subject: Subject,
    case: Case | UpdateCase,
    r: np.random.Generator,
    move: Move,
    ahead: bool = False,
) -> Sequence[Finding]:
    budget.check()
    arrays = {
        n: move(a, r) if case.kinds[n] in ("real", "param") else in_double(a)
        for n, a in case.arrays.items()
    }
    if not isinstance(case, UpdateCase):
        dy = tuple(None if d is None else np.asarray(r.standard_normal(d.shape)) for d in case.dy)
        moved = replace(case, dtype="float64", arrays=arrays, dy=dy)
        _check_accepted(subject, moved)
        return judge_layer(subject, moved, Clock(), final=False).findings
    before = {
        n: a if _counts(n, a) else (move if n.endswith(".grad") else _moved)(a, r)
        for n, a in case.before.items()
    }
    here = replace(case, dtype="float64").given(arrays, before)
    if ahead:
        arrays, state = as_arrays(ReferenceStep(subject, here)())
        grads = {n: _turned(g, r) for n, g in here.grads.items()}
        here = replace(here, arrays=arrays, grads=grads, state=state)
    return judge_update(subject, here, Clock())[0]


def _counts(name: str, a: Array) -> bool:
    """Whether it is an optimiser's counter: a single float32 number."""
    return not name.endswith(".grad") and a.ndim == 0 and a.dtype == np.float32


def _moved(a: Array | None, r: np.random.Generator) -> Any:
    """Every entry nearer to 0, by a factor of its own."""
    return None if a is None else np.asarray(in_double(a) * r.uniform(0.5, 1, a.shape))


def _sized(a: Array | None, r: np.random.Generator) -> Any:
    """Every entry of another size: up to four times the largest, or 2."""
    if a is None:
        return None
    size = np.abs(a).max(initial=0.0) if a.any() else 0.5
    return np.asarray(np.where(a < 0, -1, 1) * min(size, 16.0) * r.uniform(0.2, 4, a.shape))


def _turned(a: Array | None, r: np.random.Generator) -> Any:
    """As `_sized`, with most signs flipped."""
    return (
        None if a is None else np.asarray(_sized(a, r) * np.where(r.random(a.shape) < 0.9, -1, 1))
    )


def _scattered(a: Array | None, r: np.random.Generator) -> Any:
    """Every entry of a size of its own, from a hundredth to 30, with signs of either sort."""
    if a is None:
        return None
    sign = np.where(r.random(a.shape) < 0.5, -1, 1) if (a < 0).any() or r.random() < 0.5 else 1
    return np.asarray(sign * 10 ** r.uniform(-2, 1.5, a.shape))


def _off(a: Array | None, r: np.random.Generator) -> Any:
    """Every entry raised by its own share of the largest, and made slightly smaller."""
    return _raised(a, r, 0.98, 0.01)


def _barely(a: Array | None, r: np.random.Generator) -> Any:
    """Every entry raised by its own tiny share of the largest."""
    return _raised(a, r, 1.0, 1e-10)


def _raised(a: Array | None, r: np.random.Generator, kept: float, share: float) -> Any:
    if a is None:
        return None
    size = np.abs(a).max(initial=0.0) or 1.0
    return np.asarray(kept * in_double(a) + share * size * r.uniform(0.2, 1, a.shape))
