"""Is this the right gradient for a different dy?

A gradient is linear in dy, so a missing sum, or entries in another order, look like another dy,
whatever the layer is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import larger
from gradproof.diagnosis.rules.other_options import Made, first


def cotangent(e: Evidence) -> str:
    """The gradient is right for a different dy."""
    if not e.is_gradient or not e.case.dy:
        return ""
    ways = {told: None for told, _ in _others(e.case.dy)}
    return first(e, ((told, _made(told)) for told in ways), (*e.judge_again(larger),))


def _made(told: str) -> Made:
    def made(e: Evidence) -> Array | None:
        dy = dict(_others(e.case.dy)).get(told)
        return None if dy is None else e.expected(e.case.target, e.case.arrays, dy=dy)

    return made


def _others(dy: tuple[Array | None, ...]) -> Iterator[tuple[str, tuple[Array | None, ...]]]:
    """Yield (in words, all cotangents with one of them changed)."""
    for i, (name, d) in enumerate(numbered("dy", dy).items()):
        for told, changed in _changed(name, d) if d is not None and d.size > 1 else ():
            yield told, (*dy[:i], changed, *dy[i + 1 :])
        if d is not None and len(dy) > 1:
            yield f"{name} were 0: it is missing", (*dy[:i], np.zeros_like(d), *dy[i + 1 :])


def _changed(name: str, d: Array) -> Iterator[tuple[str, Array]]:
    for axis in range(d.ndim):
        for where, at in (("first", 0), ("last", -1)):
            kept = np.zeros_like(d)
            place = (slice(None),) * axis + (at,)
            kept[place] = d[place]
            told = f"only the {where} entry of {name} along axis {axis} counted: a sum is missing"
            yield told, kept
    for axis in range(d.ndim):
        mean = np.broadcast_to(d.mean(axis=axis, keepdims=True), d.shape)
        yield f"{name} were its mean along axis {axis}", np.array(mean)
        yield f"{name} were reversed along axis {axis}", np.flip(d, axis)
    if d.ndim > 1:
        yield f"{name} were in another order, by columns", d.ravel(order="F").reshape(d.shape)
        filled = d.ravel().reshape(d.shape, order="F")
        yield f"{name} were in another order, filled in by columns", filled
    if d.ndim > 1 and d.shape[-1] == d.shape[-2]:
        yield f"{name} were transposed", np.ascontiguousarray(np.swapaxes(d, -1, -2))
    yield f"{name} were 1: the factor {name} is missing", np.ones_like(d)
