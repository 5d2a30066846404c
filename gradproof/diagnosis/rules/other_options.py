"""Is this the right gradient of a slightly different layer?

PyTorch computes the gradient with one option at its default, at 0 or 1, or switched, and with an
argument transposed, exchanged for another or left out; for an update, with another entry of the
optimiser's state. An explanation has to hold on inputs of any size and sign.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import elsewhere, larger, spread, stretched
from gradproof.subject.layer_options import defaults_of, options_of, with_options

Values: TypeAlias = Callable[[str, Any, Evidence], Iterator[tuple[str, Any]]]
"""(option, its value, evidence) → (in words, another value of it)."""
Made: TypeAlias = Callable[[Evidence], Array | None]
"""What PyTorch computes for the changed case; None where the change makes no sense."""
Further: TypeAlias = Callable[[], Iterable[Evidence]]
"""What judges further cases, once they are needed."""


def otherwise(e: Evidence) -> str:
    """As if an option or an argument were a different one."""
    ways = (*_options(e, _values), *_arguments(e), *_state(e))
    return first(e, ways, partial(_further, e))


def parts(e: Evidence) -> str:
    """As if one entry of an argument along an axis alone were taken."""
    given = {n: a for n, a in e.case.arrays.items() if a is not None and a.dtype.kind == "f"}
    ways = (way for n, a in given.items() if n != e.quantity for way in _parts(n, a))
    return "" if e.before else first(e, ways, partial(_further, e))


def _further(e: Evidence) -> Iterator[Evidence]:
    """Yield cases of other lengths and sizes; they are judged only if they are asked for."""
    for sort in (larger, stretched, spread):
        yield from e.judge_again(sort)


def exchanged(e: Evidence) -> str:
    """As if two options were exchanged, or an option p and 1 − p."""
    return first(e, _options(e, _exchanges), partial(_further, e))


def first(e: Evidence, ways: Iterable[tuple[str, Made]], more: Further = tuple) -> str:
    """The first of these changes that explains this case and all others; "" if none does.

    more    further cases that it has to explain
    """
    return next((f"as if {told}" for told, made in ways if _holds(e, made, more)), "")


def _holds(e: Evidence, made: Made, more: Further) -> bool:
    here = made(e)
    if here is None or here.shape != e.manual.shape or not e.fits(here):
        return False
    if e.fits(here, against=e.reference):
        return False
    step = e.judge_next_step()
    later = (step, *step.others) if step else ()
    known = all(_explains(other, made) for other in (*e.others, *later, *e.judge_again(elsewhere)))
    return known and all(_agrees(other, made) for other in more())


def _explains(e: Evidence, made: Made) -> bool:
    there = made(e)
    return there is not None and there.shape == e.manual.shape and e.fits(there)


def _agrees(e: Evidence, made: Made) -> bool:
    """The same, or the change makes no sense there."""
    there = made(e)
    return there is None or there.shape != e.manual.shape or e.fits(there)


def _options(e: Evidence, values: Values) -> Iterator[tuple[str, Made]]:
    layer = e.case.target
    for name, now in options_of(layer).items():
        for told, value in values(name, now, e):
            try:
                other = with_options(layer, **{name: value})
            except Exception:  # noqa: BLE001, S112  (a layer may refuse the option)
                continue
            yield told, _with_layer(other)


def _with_layer(layer: Any) -> Made:
    return lambda e: e.expected(layer, e.case.arrays)


def _values(name: str, now: Any, e: Evidence) -> Iterator[tuple[str, Any]]:
    """Yield values that may have been used for an option by mistake."""
    defaults = defaults_of(e.case.target)
    found: list[Any] = [defaults[name]] if name in defaults else []
    if isinstance(now, bool):
        found.append(not now)
    elif isinstance(now, float):
        found += [0.0, 1.0, 1 - now, -now, math.inf]
    elif isinstance(now, int):
        rank = max((a.ndim for a in e.case.arrays.values() if a is not None), default=0)
        found += range(-rank, rank)
    elif isinstance(now, tuple) and len(now) == 2:
        found += [(now[0], now[0]), (now[1], now[1])]
    for value in found:
        if value != now:
            yield f"{name} were {value!r}", value


def _exchanges(name: str, now: Any, _: Evidence) -> Iterator[tuple[str, Any]]:
    """Yield a tuple of options reversed, and an option p replaced by 1 − p."""
    several = isinstance(now, tuple)
    if several and now != now[::-1]:
        yield f"{name} were {now[::-1]!r}", now[::-1]
    shares = now if several else (now,)
    for i, share in enumerate(shares):
        if isinstance(share, float) and 0 < share < 1 and share != 0.5:
            which = f"{name}[{i}]" if several else name
            rest = (*shares[:i], 1 - share, *shares[i + 1 :])
            yield f"{which} and 1 − {which} were exchanged", rest if several else rest[0]


def _arguments(e: Evidence) -> Iterator[tuple[str, Made]]:
    if e.before:
        return
    given = {n: a for n, a in e.case.arrays.items() if a is not None and a.dtype.kind == "f"}
    for name, a in given.items():
        if e.case.kinds[name] == "buffer":
            yield f"{name} were left out", _changing(name, np.ones_like)
        if a.ndim > 1 and a.shape[-1] == a.shape[-2] > 1:
            yield f"{name} were transposed", _changing(name, _transposed)
        for axis, n in enumerate(a.shape if e.case.kinds[name] == "real" else ()):
            if n > 1 and n % 2 == 0:
                told = f"the halves of {name} along axis {axis} were exchanged"
                yield told, _changing(name, partial(_halves_exchanged, axis))
        for axes in _reversible(a) if e.case.kinds[name] == "param" else ():
            yield f"{name} were reversed along {axes}", _changing(name, partial(np.flip, axis=axes))
    for (one, a), (other, b) in itertools.combinations(given.items(), 2):
        if a.shape == b.shape:
            yield f"{one} and {other} were exchanged", _exchanging(one, other)


def _parts(name: str, a: Array) -> Iterator[tuple[str, Made]]:
    """Yield that some entries of an argument alone were taken."""
    for axis in (axis for axis, n in enumerate(a.shape) if n > 1):
        for where, at in (("first", 0), ("last", -1)):
            one = f"only the {where} entry of {name} along axis {axis}"
            counted = f"{one} counted: a sum is missing"
            yield counted, _changing(name, partial(_others_zero, axis, at))
            chosen = f"{one} were chosen, for all (wrong mask or index?)"
            yield chosen, _changing(name, partial(_for_all, axis, at))


def _others_zero(axis: int, at: int, a: Array) -> Array:
    kept = np.zeros_like(a)
    place = (slice(None),) * axis + (at,)
    kept[place] = a[place]
    return kept


def _for_all(axis: int, at: int, a: Array) -> Array:
    return np.repeat(np.take(a, [at], axis), a.shape[axis], axis)


def _halves_exchanged(axis: int, a: Array) -> Array:
    return np.roll(a, a.shape[axis] // 2, axis)


def _reversible(a: Array) -> Iterator[tuple[int, ...]]:
    """Yield axes along which a parameter may have been reversed: one, or all of a kernel's."""
    yield from ((axis,) for axis in range(a.ndim))
    if a.ndim > 3:
        yield tuple(range(2, a.ndim))


def _state(e: Evidence) -> Iterator[tuple[str, Made]]:
    """Yield, for an update: another step count, or a state that is zero or exchanged."""
    if not isinstance(e.case, UpdateCase):
        return
    owner = e.case.owner(e.quantity)
    held = {n: a for n, a in e.before.items() if n.startswith(f"{owner}.")}
    for name, a in held.items():
        key = name.removeprefix(f"{owner}.")
        where = key if key == "grad" else f"{key}, in its state,"
        if key == "step":
            yield f"{where} were 1", _changing(name, np.zeros_like)
            yield f"{where} were 1 more", _changing(name, lambda count: count + 1)
            yield f"{where} were 1 less", _changing(name, lambda count: count - 1)
        elif a.any():
            zero = "it were 0 before: = for +=" if name == e.quantity else f"{where} were 0"
            yield zero, _changing(name, np.zeros_like)
            yield f"{where} were −{key}", _changing(name, np.negative)
    for (one, a), (other, b) in itertools.combinations(held.items(), 2):
        if a.shape == b.shape and not one.endswith(".step"):
            names = (n.removeprefix(f"{owner}.") for n in (one, other))
            yield f"{' and '.join(names)} were exchanged", _exchanging(one, other)


def _changing(name: str, change: Callable[[Array], Any]) -> Made:
    """With the array of that name replaced."""
    return lambda e: _taking(e, lambda given: {name: np.asarray(change(given[name]))})


def _exchanging(one: str, other: str) -> Made:
    return lambda e: _taking(e, lambda given: {one: given[other], other: given[one]})


def _taking(e: Evidence, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Array | None:
    """What PyTorch computes for other arguments; for an update, for another gradient or state."""
    layer, arrays, before = e.case.target, e.case.arrays, e.before
    if not before:
        return e.expected(layer, {**arrays, **change(arrays)})
    return e.expected(layer, arrays, before={**before, **change(before)})


def _transposed(a: Array) -> Array:
    return np.ascontiguousarray(np.swapaxes(a, -1, -2))
