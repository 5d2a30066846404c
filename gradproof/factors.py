"""A constant factor between two arrays, and what in the case has its value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from gradproof.evidence import Evidence
from gradproof.fill import Array


def factor_between(e: Evidence, manual: Array, reference: Array, bound: Array) -> str:
    """The constant by which one array is a multiple of the other, in words; "" if there is none."""
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
    """How far rounding carries an array that is a multiple of the reference."""
    return 2 * bound * max(1.0, abs(factor))


def _names(e: Evidence, factor: float, tolerance: float) -> str:
    """What in the case has that value or its inverse: an option, or a length that a mean uses."""
    found: list[str] = []
    for value, name, count in _numbers(e):
        if value in {0, 1}:
            continue
        if abs(factor - value) <= tolerance:
            found.append(name + (": a mean is missing?" if count else ""))
        elif abs(factor - 1 / value) <= tolerance:
            found.append(f"1 / {name}" + (": averaged twice?" if count else ""))
    if found:
        return f" ({found[0]})"
    most = max((a.size for a in (*e.arrays.values(), *e.indices.values())), default=1)
    counts = Fraction(factor).limit_denominator(max(most, 1))
    near = abs(factor - float(counts)) <= min(tolerance, 1e-9)
    if near and min(counts.numerator, counts.denominator) > 1 and counts.numerator <= most:
        return f" ({counts}: a mean over another number of entries?)"
    return ""


def _numbers(e: Evidence) -> Iterator[tuple[float, str, bool]]:
    """(value, name, whether it counts entries) of numbers that a factor may stem from."""
    if dataclasses.is_dataclass(e.case.layer):
        for field in dataclasses.fields(e.case.layer):
            value = getattr(e.case.layer, field.name)
            if isinstance(value, float):
                yield abs(value), field.name, False
                yield abs(1 - value), f"(1 − {field.name})", False
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
