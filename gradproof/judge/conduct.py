"""How a layer behaves: exact shapes, no shared memory, reproducible, linear in dy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np

from gradproof.arrays import Array, by_entry, equal, frozen, numbered
from gradproof.rounding.parts import parts
from gradproof.subject.passes import Dy, Misconduct, Ran, backward, forward

_AGAIN = "a second backward gives another result"
_ANOTHER = "a second forward changes this gradient: some state is kept outside `saved`"
_SAME_MEMORY = ": all calls return the same memory"
STATE = (_AGAIN, _ANOTHER)
"""What is said of a layer that keeps state between calls."""


def check_form(manual: Array, reference: Array) -> str:
    """What is wrong with the shape or dtype; "" if nothing is."""
    if manual.shape != reference.shape:
        turned = sorted(manual.shape) == sorted(reference.shape)
        text = f"its shape is {manual.shape}; it should be {reference.shape}"
        return text + (": transposed" if turned else "")
    if manual.dtype != reference.dtype:
        alone = ": a mask without its factor?" if manual.dtype == np.bool_ else ""
        return f"its dtype is {manual.dtype}; it should be {reference.dtype}{alone}"
    return ""


def check_gradients(
    layer: Any,
    arrays: Sequence[Array | None],
    ran: Ran,
    dy: Dy,
    grads: dict[str, Array],
    agrees: Callable[[str, Array, Array], bool],
) -> Iterator[tuple[str, str]]:
    """Yield (array, fault) for all that is wrong with what was returned, except its values.

    agrees   agrees(argument, array, gradient): whether both are equal within rounding
    """
    for name, g in grads.items():
        if any(a is not None and np.shares_memory(g, a) for a in arrays):
            yield name, "it shares memory with an argument of forward"
        shared = [h for other, h in grads.items() if other != name] + [
            d for d in dy if d is not None
        ]
        if g.flags.writeable and any(np.shares_memory(g, h) for h in shared):
            yield name, "it can be written to and shares memory with dy or another gradient"
    outputs = [out.copy() for out in ran.outputs]
    returned, grads = grads, {name: g.copy() for name, g in grads.items()}
    with np.errstate(all="ignore"):
        _forward_on_others(layer, arrays)
        zeros = backward(layer, ran, _times(dy, 0))
        some = {name for name, g in zeros.items() if g.any()}
        scaled = backward(layer, ran, _times(dy, -2))  # the second since forward: they may add up
        scales = _scales(scaled, grads)
        if not all(scales.values()):
            yield from _unsteady(layer, arrays, ran, dy, grads)
            scaled = backward(layer, ran, _times(dy, -2))
            scales = _scales(scaled, grads)
        for name, g in grads.items():
            if (scales[name] and name not in some) or not np.isfinite(g).all():
                continue
            if name in some:
                yield name, "it is not zero for a zero dy"
            if not (scales[name] or _linear(scaled.get(name), g, partial(agrees, name))):
                yield name, "it is not linear in dy: −2 dy does not give −2 times the gradient"
        for name in _changed(grads, returned):
            yield name, f"it changes when backward is called again{_SAME_MEMORY}"
        for name, *pair in zip(numbered("y", outputs), outputs, ran.outputs, strict=True):
            if not equal(*pair):
                yield name, f"it changes when forward is called again{_SAME_MEMORY}"


def _forward_on_others(layer: Any, arrays: Sequence[Array | None]) -> None:
    """Run forward on other numbers: state kept outside `saved` is then that of another call."""
    others = [None if a is None else frozen(np.flip(a).copy()) for a in arrays]
    with suppress(Misconduct):
        forward(layer, others)


def _unsteady(
    layer: Any, arrays: Sequence[Array | None], ran: Ran, dy: Dy, grads: dict[str, Array]
) -> Iterator[tuple[str, str]]:
    """Yield the gradients that change in a second backward, or after another forward."""
    _forward_on_others(layer, arrays)
    changed = _changed(grads, backward(layer, ran, dy))
    if not changed:
        yield from ((name, _AGAIN) for name in _changed(grads, backward(layer, ran, dy)))
        return
    forward(layer, arrays)  # so that state outside `saved` is again that of this call
    twice = _changed(grads, backward(layer, ran, dy))
    for name in changed:
        if name in twice:
            yield name, _AGAIN
        else:
            yield name, _ANOTHER


def _changed(grads: dict[str, Array], again: dict[str, Array]) -> list[str]:
    """The arguments whose gradients differ in any bit."""
    return [name for name, g in grads.items() if name not in again or not equal(g, again[name])]


def _times(dy: Dy, factor: int) -> Dy:
    """Every cotangent times a number, in its own memory layout: others add in another order."""
    return tuple(None if d is None else by_entry(d, lambda part: part * factor) for d in dy)


def _scales(scaled: dict[str, Array], grads: dict[str, Array]) -> dict[str, bool]:
    """Whether each is exactly −2 times the gradient."""
    return {n: n in scaled and _is_twice(scaled[n], g) for n, g in grads.items()}


def _is_twice(scaled: Array, g: Array) -> bool:
    """Whether it is exactly −2 g."""
    if scaled.shape != g.shape:
        return False
    return all(np.array_equal(scaled[part], g[part] * -2) for part in parts(g.shape))


def _linear(scaled: Array | None, g: Array, agrees: Callable[[Array, Array], bool]) -> bool:
    """Whether it is −2 g. Scaling by −2 is exact, except where subnormal numbers are rounded."""
    if scaled is None:
        return False
    alike = np.where(scaled == g * -2, g, scaled / -2)  # both may have overflowed
    return agrees(np.asarray(alike, dtype=g.dtype), g)


@contextmanager
def poisoned(value: float = np.nan) -> Iterator[None]:
    """Fill uninitialised memory with NaN, or another value, so that reading it shows."""
    empty, empty_like = np.empty, np.empty_like

    def poison(array: Array) -> Array:
        if array.dtype.kind in "fc":
            array.fill(value)
        return array

    numpy: Any = np
    numpy.empty = lambda *a, **k: poison(empty(*a, **k))
    numpy.empty_like = lambda *a, **k: poison(empty_like(*a, **k))
    try:
        yield
    finally:
        numpy.empty, numpy.empty_like = empty, empty_like
