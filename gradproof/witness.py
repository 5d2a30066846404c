"""Another opinion on a disagreement: the complex step, and who agrees with whom."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gradproof.cases import Case
from gradproof.fill import Array
from gradproof.subject import Subject
from gradproof.verdict import Finding

Line: TypeAlias = Callable[[complex], list[Array]]

_ALIKE = 2.0**-6
"""How near to a difference quotient the complex step has to be, relative to the slopes."""
_LOST = 2.0**-40
"""A slope below this part of |⟨dy, y⟩| / |x| is lost in the rounding of a difference quotient."""


_ENTRIES = 6
"""Of how many wrong entries it is asked, while it abstains."""


class _Abstains(Exception):
    """The complex step says nothing about this layer at this point."""


@dataclass(frozen=True)
class Votes:
    """The three opinions on one entry of a finding: its worst, or the worst with a complex step.

    complex_step  None where it abstains everywhere
    agreement     who agrees with whom, such as "autograd = complex step ≠ manual"; "" without vote
    verdict       whose fault it is, in words
    """

    index: tuple[int, ...]
    manual: float
    autograd: float
    complex_step: float | None
    agreement: str
    verdict: str


def complex_step(case: Case, quantity: str, index: tuple[int, ...]) -> float | None:
    """∂ Σ⟨dy, y⟩ / ∂ argument[index] by a complex step through the layer's own forward, in float64.

    f(x + ih) = f(x) + ih f′(x) + O(h²) for an analytic f. No two near numbers are subtracted, so h
    can be so small that the result is exact but for rounding.

    None where that does not hold, for then it abstains: forward refuses complex numbers, the result
    is not finite, or a plain difference quotient on either side, rough as it is, contradicts it. It
    does where forward is not analytic, and where the point lies at a kink.

    Source    Squire & Trapp, Using complex variables to estimate derivatives of real functions
              (SIAM Review, 1998)
    """
    if quantity not in case.arrays or not case.dy or not hasattr(case.layer, "forward"):
        return None
    for wide in (False, True):
        try:
            return _step(case, quantity, index, _line(case, quantity, index, wide))
        except _Abstains:
            continue
    return None


def _step(case: Case, quantity: str, index: tuple[int, ...], line: Line) -> float:
    array = case.arrays[quantity]
    assert array is not None
    here = abs(float(array[index]))
    scale = float(np.abs(array).max(initial=0.0)) or 1.0
    h = 1e-30 * (here or scale)
    slope = _pair(case, line(1j * h)).imag / h
    if not math.isfinite(slope):
        raise _Abstains
    base = line(0)
    floor = _LOST * sum(float(np.abs(p).sum()) for p in _products(case, base)) / scale
    for left, right in _one_sided(case, line, base, scale, here or scale):
        allowed = _ALIKE * max(abs(slope), abs(left[1]), abs(right[1])) + floor
        if abs(slope - left[0]) <= allowed and abs(slope - right[0]) <= allowed:
            return slope
    raise _Abstains


def _one_sided(
    case: Case, line: Line, base: list[Array], scale: float, here: float
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """((extrapolated, plain) slope to the left, the same to the right) at ever smaller distances.

    Extrapolated from two distances, it has no term of the curvature: at a minimum both sides are 0.
    """
    h, before = scale / 64, None
    while h > here * 2.0**-28:
        now = []
        for side in (-h, h):
            moved = line(side)
            change = [a - b for a, b in zip(moved, base, strict=True)]
            now.append(_pair(case, change).real / side)
        if before is not None and all(map(math.isfinite, now)):
            left, right = ((16 * n - b) / 15 for n, b in zip(now, before, strict=True))
            yield (left, now[0]), (right, now[1])
        h, before = h / 16, now


def _line(case: Case, quantity: str, index: tuple[int, ...], wide: bool) -> Line:
    """The outputs by a step along one entry; wide: all smooth arguments are complex."""
    smooth = dict(zip(case.arrays, case.smooth, strict=True))
    plain = {n: _wide(a) for n, a in case.arrays.items()}

    def outputs(step: complex) -> list[Array]:
        arrays = dict(plain)
        if isinstance(step, complex):
            for name, array in plain.items():
                if array is not None and (name == quantity or (wide and smooth[name])):
                    arrays[name] = array.astype(complex)
        moved = np.array(arrays[quantity])
        moved[index] += step
        arrays[quantity] = moved
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("error")
                y, _ = case.layer.forward(*arrays.values())
        except Exception as error:
            raise _Abstains from error
        return [np.asarray(out) for out in (y if isinstance(y, tuple) else (y,))]

    return outputs


def _wide(a: Array | None) -> Array | None:
    return a if a is None or a.dtype.kind != "f" else a.astype(np.float64)


def _products(case: Case, outputs: list[Array]) -> list[Array]:
    if len(outputs) != len(case.dy):
        raise _Abstains
    pairs = zip(case.dy, outputs, strict=True)
    with np.errstate(all="ignore"):
        return [d.astype(np.float64) * y for d, y in pairs if d is not None]


def _pair(case: Case, outputs: list[Array]) -> complex:
    """Σ⟨dy, y⟩ over all outputs that have a cotangent."""
    with np.errstate(all="ignore"):
        return complex(sum(complex(p.sum()) for p in _products(case, outputs)))


def votes(subject: Subject, finding: Finding) -> Votes:
    """Ask manual, autograd and the complex step about an entry that disagrees."""
    f, case, c = finding.figures, finding.case, finding.comparison
    forward = "your forward is not torch's function"

    def without_third(agreement: str, verdict: str) -> Votes:
        return Votes(f.worst_index, f.manual, f.reference, None, agreement, verdict)

    if c is None:
        return without_third("", "the contract of a layer is broken")
    if finding.verdict == "convention":
        text = "manual ≠ autograd, both one-sided derivatives"
        return without_third(text, "kink: another choice than PyTorch's")
    if not hasattr(case.layer, "forward"):
        return without_third("manual ≠ torch.optim", "the update is wrong")
    if finding.quantity not in case.arrays:
        return without_third("manual ≠ torch", forward)
    same = _forward_agrees(subject, case)
    index, third = _third(finding)
    if third is None:
        verdict = "the backward pass, if autograd is right" if same else forward
        return without_third("manual ≠ autograd, complex step abstains", verdict)
    m, r, bound = (float(a[index]) for a in (c.manual, c.reference, c.bound))
    if _near(third, r, m, bound):
        agreement, verdict = "autograd = complex step ≠ manual", _wrong_backward(finding)
        if not same:
            verdict += f", and {forward}"
    elif _near(third, m, r, bound):
        agreement, verdict = "manual = complex step ≠ autograd", "torch itself" if same else forward
    else:
        agreement, verdict = "manual ≠ autograd ≠ complex step", "undecided" if same else forward
    return Votes(index, m, r, third, agreement, verdict)


def _third(finding: Finding) -> tuple[tuple[int, ...], float | None]:
    """The complex step at the worst entry, or at the next worst where it does not abstain."""
    c = finding.comparison
    assert c is not None
    with np.errstate(all="ignore"):
        ratio = np.where(c.error > c.bound, np.asarray(c.error / c.bound), 0.0)
    for at in np.argsort(-ratio, axis=None, kind="stable")[:_ENTRIES]:
        index = tuple(int(i) for i in np.unravel_index(at, ratio.shape))
        if ratio[index] > 0:
            third = complex_step(finding.case, finding.quantity, index)
            if third is not None:
                return index, third
    return finding.figures.worst_index, None


def _wrong_backward(finding: Finding) -> str:
    if not hasattr(finding.case.layer, "steps"):
        return "the backward pass is wrong"
    # Layers are judged first, so what is left of a network is how it joins them.
    what = "backward pass" if finding.depth == "free" else "wiring"
    return f"the network's {what} is wrong"


def _near(third: float, value: float, other: float, bound: float) -> bool:
    """Whether the third opinion is within the bound of a value, and nearer to it than to the other.

    In a layer that rounds much in float64 itself, a sixteenth of the gap will do.
    """
    if not math.isfinite(value):
        return False
    distance, gap = abs(third - value), abs(third - other)
    return not distance >= gap and (distance <= bound or distance <= gap / 16)


def _forward_agrees(subject: Subject, case: Case) -> bool:
    from gradproof.clock import Clock
    from gradproof.network import judge

    findings: list[Any] = judge(subject, case, Clock()).findings
    outputs = [f for f in findings if f.quantity not in case.arrays and not f.layer]
    return not any(f.failed and f.comparison is not None for f in outputs)
