"""What else the wrong gradient is the right one of: other options, or arguments taken otherwise.

PyTorch is asked for the gradient with one option at its default, at 0 or 1, or switched over, and
with an argument transposed, exchanged for another or left out of a product.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from gradproof.evidence import Evidence
from gradproof.fill import Array

Arrays: TypeAlias = Mapping[str, Array | None]


def otherwise(e: Evidence) -> str:
    """As if an option or an argument were another one."""
    if hasattr(e.case.layer, "steps"):
        return ""
    for told, layer, arrays in (*_options(e), *_arguments(e)):
        made = e.expected(layer, arrays)
        same = made is None or made.shape != e.manual.shape or e.fits(made, against=e.reference)
        if not same and e.fits(made):  # type: ignore[arg-type]
            return f"as if {told}"
    return ""


def _options(e: Evidence) -> Iterator[tuple[str, Any, Arrays]]:
    layer = e.case.layer
    for field in dataclasses.fields(layer) if dataclasses.is_dataclass(layer) else ():
        now = getattr(layer, field.name)
        for value in _values(field, now, e) if field.init else ():
            try:
                other = dataclasses.replace(layer, **{field.name: value})
            except (ValueError, TypeError):  # no option that it has
                continue
            yield f"{field.name} were {value!r}", other, e.case.arrays


def _values(field: Any, now: Any, e: Evidence) -> list[Any]:
    """What an option might be taken for."""
    found: list[Any] = [] if field.default is dataclasses.MISSING else [field.default]
    if isinstance(now, bool):
        found.append(not now)
    elif isinstance(now, float):
        found += [0.0, 1.0, 1 - now, -now]
    elif isinstance(now, int):
        rank = max((a.ndim for a in e.case.arrays.values() if a is not None), default=0)
        found += range(-rank, rank)
    elif isinstance(now, tuple):
        found.append(now[::-1])
        if len(now) == 2:
            found += [(now[0], now[0]), (now[1], now[1])]
    return [value for value in found if value != now]


def _arguments(e: Evidence) -> Iterator[tuple[str, Any, Arrays]]:
    layer, arrays = e.case.layer, e.case.arrays
    if not hasattr(layer, "forward"):
        return
    given = {n: a for n, a in arrays.items() if a is not None and a.dtype.kind == "f"}
    for name, a in given.items():
        if e.case.kinds[name] == "buffer":
            yield f"{name} were left out", layer, {**arrays, name: np.ones_like(a)}
        if a.ndim > 1 and a.shape[-1] == a.shape[-2] > 1:
            turned = np.ascontiguousarray(np.swapaxes(a, -1, -2))
            yield f"{name} were transposed", layer, {**arrays, name: turned}
    for (one, a), (other, b) in itertools.combinations(given.items(), 2):
        if a.shape == b.shape:
            yield f"{one} and {other} were exchanged", layer, {**arrays, one: b, other: a}
