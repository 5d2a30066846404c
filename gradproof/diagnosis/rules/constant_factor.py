"""A constant factor between two arrays, and which option or length has its value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from gradproof.arrays import Array
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import larger, varied
from gradproof.subject.layer_options import options_of


def factor_between(e: Evidence, manual: Array, reference: Array, bound: Array) -> str:
    """The constant factor between two arrays, in words; "" if there is none."""
    telling = np.abs(reference) > 4 * bound
    if not telling.any():
        return ""
    at = np.abs(np.where(telling, reference, 0)).argmax()
    factor = float(manual.flat[at] / reference.flat[at])
    if factor == 0 or not (np.abs(manual - factor * reference) <= _slack(bound, factor)).all():
        return ""
    tolerance = float(_slack(bound, factor).flat[at] / abs(reference.flat[at]))
    if abs(factor + 1) <= tolerance:
        return "sign"
    if abs(factor - 1) < 1e-2 and telling.sum() > 1:
        return f"a factor 1 {'+' if factor > 1 else '−'} {abs(factor - 1):.2g}"
    if abs(factor - 1) < 1e-2:
        return ""
    names = _names(e, abs(factor), tolerance)
    whole = abs(abs(factor) - 2) <= tolerance or abs(abs(factor) - 0.5) <= tolerance
    if not (names or whole) and telling.sum() < 2:
        return ""  # one number is always a multiple of another
    sign = "sign and " if factor < 0 else ""
    return f"{sign}factor {abs(factor):.4g}{names}"


def _slack(bound: Array, factor: float) -> Array:
    """How far rounding may move a multiple of the reference."""
    return 2 * bound * max(1.0, abs(factor))


def _names(e: Evidence, factor: float, tolerance: float) -> str:
    """Which option or length has that value or its inverse."""
    others = (*e.judge_again(larger), *e.judge_again(varied))
    for name in _named(e, factor, tolerance):
        if all(name in _named(c, by, 1e-9 * by) for c, by in _elsewhere(others)):
            return f" ({name})"
    most = max((a.size for a in (*e.arrays.values(), *e.indices.values())), default=1)
    counts = Fraction(factor).limit_denominator(max(most, 1))
    near = abs(factor - float(counts)) <= min(tolerance, 1e-9)
    longer = [abs(by - factor) > 1e-9 * by for _, by in _elsewhere(e.judge_again(larger))]
    near = near and (any(longer) or not longer)  # a count changes with the axis that it counts
    if near and min(counts.numerator, counts.denominator) > 1 and counts.numerator <= most:
        return f" ({counts}: a mean over another number of entries?)"
    return ""


def _named(e: Evidence, factor: float, tolerance: float) -> list[str]:
    found: list[str] = []
    for value, name, count in _numbers(e):
        if value in {0, 1}:
            continue
        if abs(factor - value) <= tolerance:
            found.append(name + (": a mean is missing?" if count else ""))
        elif abs(factor - 1 / value) <= tolerance:
            found.append(f"1 / {name}" + (": averaged twice?" if count else ""))
    return found


def _elsewhere(cases: Sequence[Evidence]) -> Iterator[tuple[Evidence, float]]:
    """Yield other cases and the factor there, if the wrong entries have one."""
    for c in cases:
        telling = c.over & (np.abs(c.reference) > 1e6 * c.bound)
        factors = np.abs(c.manual[telling] / c.reference[telling])
        if factors.size and np.ptp(factors) <= 1e-10 * factors.max():
            yield c, float(factors.flat[0])


def _whole_options(e: Evidence) -> Iterator[tuple[str, int]]:
    for name, value in options_of(e.case.target).items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield name, value


def _numbers(e: Evidence) -> Iterator[tuple[float, str, bool]]:
    """Yield (value, name, whether it counts entries) of numbers that a factor may be."""
    for option, value in options_of(e.case.target).items():
        several = isinstance(value, tuple)
        for i, one in enumerate(value if several else (value,)):
            if isinstance(one, float):
                name = f"{option}[{i}]" if several else option
                yield abs(one), name, False
                yield abs(1 - one), f"(1 − {name})", False
                if 0 < one < 1:
                    yield one / (1 - one), f"{name} / (1 − {name}): exchanged?", False
        if several and len(value) == 2 and all(value):
            yield abs(value[0] / value[1]), f"{option}[0] / {option}[1]: swapped?", False
    for name, array in e.arrays.items():
        if array.ndim > 2:
            yield array.size / max(array.shape[-1], 1), f"the number of rows of {name}", True
        for axis, length in enumerate(array.shape):
            yield float(length), f"the length of axis {axis} of {name}", True
    for name, array in e.arrays.items():
        yield float(array.size), f"the number of entries of {name}", True
    for name, array in e.arrays.items():
        if e.case.kinds.get(name) == "buffer":
            yield abs(float(array.sum())), f"the sum of {name}", True
            yield abs(float(array.mean())), f"the mean of {name}", True
        if array.ndim > 1:
            yield array.size / max(len(array), 1), f"the number of entries of {name}[0]", True
    for index, places in e.indices.items():
        for option, value in _whole_options(e):
            kept = np.count_nonzero(places != value)
            if 0 < kept < places.size:
                share = f"the share of {index} that is not {option}"
                yield kept / places.size, f"{share}: a mean that counts what is ignored?", False
        for name, array in e.arrays.items():
            if array.ndim == 1 and e.case.kinds.get(name) == "buffer":
                known = places[(places >= 0) & (places < len(array))]
                yield abs(float(array[known].sum())), f"the sum of {name}[{index}]", True
