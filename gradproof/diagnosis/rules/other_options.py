"""Is this the right gradient of a slightly different layer?

PyTorch computes the gradient with one option at its default, at 0 or 1, or switched, and with an
argument transposed, exchanged for another or left out; for an update, with another entry of the
optimiser's state. An explanation has to hold on inputs of any size and sign.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.optimizer_case import UpdateCase
from gradproof.diagnosis.evidence import Evidence
from gradproof.diagnosis.resample import elsewhere

Values: TypeAlias = Callable[[Any, Any, Evidence], Iterator[tuple[str, Any]]]
"""(option, its value, evidence) → (in words, another value of it)."""
Made: TypeAlias = Callable[[Evidence], Array | None]
"""What PyTorch computes for the changed case; None where the change makes no sense."""


def otherwise(e: Evidence) -> str:
    """As if an option or an argument were a different one."""
    return first(e, (*_options(e, _values), *_arguments(e), *_state(e)))


def exchanged(e: Evidence) -> str:
    """As if two options were exchanged, or an option p and 1 − p."""
    return first(e, _options(e, _exchanges))


def first(e: Evidence, ways: Iterable[tuple[str, Made]], more: Sequence[Evidence] = ()) -> str:
    """The first of these changes that explains this case and all others; "" if none does.

    more    further cases that it has to explain
    """
    return next((f"as if {told}" for told, made in ways if _holds(e, made, more)), "")


def _holds(e: Evidence, made: Made, more: Sequence[Evidence]) -> bool:
    here = made(e)
    if here is None or here.shape != e.manual.shape or not e.fits(here):
        return False
    if e.fits(here, against=e.reference):
        return False
    step = e.judge_next_step()
    later = (step, *step.others) if step else ()
    return all(
        _explains(other, made) for other in (*e.others, *later, *e.judge_again(elsewhere), *more)
    )


def _explains(e: Evidence, made: Made) -> bool:
    there = made(e)
    return there is not None and there.shape == e.manual.shape and e.fits(there)


def _options(e: Evidence, values: Values) -> Iterator[tuple[str, Made]]:
    layer = e.case.target
    for field in dataclasses.fields(layer) if dataclasses.is_dataclass(layer) else ():
        now = getattr(layer, field.name)
        for told, value in values(field, now, e) if field.init else ():
            try:
                other = dataclasses.replace(layer, **{field.name: value})
            except Exception:  # noqa: BLE001, S112  (a layer may refuse the option)
                continue
            yield told, _with_layer(other)


def _with_layer(layer: Any) -> Made:
    return lambda e: e.expected(layer, e.case.arrays)


def _values(field: Any, now: Any, e: Evidence) -> Iterator[tuple[str, Any]]:
    """Yield values that may have been used for an option by mistake."""
    found: list[Any] = [] if field.default is dataclasses.MISSING else [field.default]
    if isinstance(now, bool):
        found.append(not now)
    elif isinstance(now, float):
        found += [0.0, 1.0, 1 - now, -now]
    elif isinstance(now, int):
        rank = max((a.ndim for a in e.case.arrays.values() if a is not None), default=0)
        found += range(-rank, rank)
    elif isinstance(now, tuple) and len(now) == 2:
        found += [(now[0], now[0]), (now[1], now[1])]
    for value in found:
        if value != now:
            yield f"{field.name} were {value!r}", value


def _exchanges(field: Any, now: Any, _: Evidence) -> Iterator[tuple[str, Any]]:
    """Yield a tuple of options reversed, and an option p replaced by 1 − p."""
    several = isinstance(now, tuple)
    if several and now != now[::-1]:
        yield f"{field.name} were {now[::-1]!r}", now[::-1]
    shares = now if several else (now,)
    for i, share in enumerate(shares):
        if isinstance(share, float) and 0 < share < 1 and share != 0.5:
            name = f"{field.name}[{i}]" if several else field.name
            rest = (*shares[:i], 1 - share, *shares[i + 1 :])
            yield f"{name} and 1 − {name} were exchanged", rest if several else rest[0]


def _arguments(e: Evidence) -> Iterator[tuple[str, Made]]:
    if e.before:
        return
    given = {n: a for n, a in e.case.arrays.items() if a is not None and a.dtype.kind == "f"}
    for name, a in given.items():
        if e.case.kinds[name] == "buffer":
            yield f"{name} were left out", _changing(name, np.ones_like)
        if a.ndim > 1 and a.shape[-1] == a.shape[-2] > 1:
            yield f"{name} were transposed", _changing(name, _transposed)
        for axes in _reversible(a) if e.case.kinds[name] == "param" else ():
            yield f"{name} were reversed along {axes}", _changing(name, partial(np.flip, axis=axes))
    for (one, a), (other, b) in itertools.combinations(given.items(), 2):
        if a.shape == b.shape:
            yield f"{one} and {other} were exchanged", _exchanging(one, other)


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
