"""Wrong backward passes made from right ones, to see whether the judge notices them.

A mutant changes what `backward` returns, never its source, so any layer has one of each kind:

sign      one gradient negated
slip      one gradient times 1 + 1e-6
zeroed    the largest entry of one gradient set to zero
swapped   two gradients of the same shape exchanged
unsummed  of a gradient that is summed over an axis of dy, only the first term
kink      at a kink or tie the gradient of another side: that of inputs moved by an ulp
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array, frozen
from gradproof.cases.case import Case, received
from gradproof.subject import passes
from gradproof.subject.layer import argument_kinds

Grads: TypeAlias = dict[str, Array]
SLIP = 1e-6
_METHODS = ("forward", "backward", "partial_backward")


@dataclass(frozen=True)
class Kept:
    """What a mutant's forward saves: the layer's own tuple, and its arguments."""

    saved: Any
    arguments: tuple[Array | None, ...]


@dataclass(frozen=True)
class Call:
    """A call of `backward`: what it was given, what it rightly returned, the right methods.

    arguments    of the forward before it; () for a network whose steps were run one by one
    """

    layer: Any
    arguments: tuple[Array | None, ...]
    saved: Any
    dy: Any
    grads: Grads
    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[..., Grads]


@dataclass(frozen=True)
class Mutation:
    """One way to break a backward pass.

    quantities   the arguments whose gradients it changes; () for any
    change       from a call to wrong gradients, or to the right ones where it does not apply
    """

    name: str
    quantities: tuple[str, ...]
    change: Callable[[Call], Grads]

    def __str__(self) -> str:
        return f"{self.name} {', '.join(self.quantities)}".rstrip()


@contextmanager
def planted(kind: type, mutation: Mutation) -> Iterator[None]:
    """Within it every layer of this kind has the mutant's backward."""
    right: Any = kind
    forward, backward = right.forward, right.backward
    own = {name: vars(kind)[name] for name in _METHODS if name in vars(kind)}

    @wraps(forward)
    def forward_and_keep(self: Any, *args: Any) -> tuple[Any, Kept]:
        y, saved = forward(self, *args)
        return y, Kept(saved, args)

    @wraps(backward)
    def wrong(self: Any, kept: Any, dy: Any) -> Grads:
        if not isinstance(kept, Kept):
            kept = Kept(kept, ())
        grads = backward(self, kept.saved, dy)
        call = Call(self, kept.arguments, kept.saved, dy, grads, forward, backward)
        changed = mutation.change(call)
        return {n: g if g is grads.get(n) else np.array(g) for n, g in changed.items()}

    def wrong_in_part(self: Any, kept: Any, dy: Any, _wanted: Any) -> Grads:
        return wrong(self, kept, dy)

    right.forward, right.backward = forward_and_keep, wrong
    right.partial_backward = wrong_in_part
    try:
        yield
    finally:
        for name in _METHODS:
            delattr(kind, name)
            if name in own:
                setattr(kind, name, own[name])


def gradients(case: Case) -> Grads:
    """What the layer returns for a case."""
    with np.errstate(all="ignore"):
        ran = passes.forward(case.layer, received(case))
        return passes.backward(case.layer, ran, case.dy)


def mutations(cases: Sequence[Case]) -> list[Mutation]:
    """Every mutation of a layer that these cases belong to; some may be equivalent."""
    names = list(dict.fromkeys(n for case in cases for n in gradients(case)))
    single = {"sign": _sign, "slip": _slip, "zeroed": _zeroed, "unsummed": _unsummed}
    found = [Mutation(m, (n,), partial(f, n)) for n in names for m, f in single.items()]
    pairs = combinations(names, 2)
    found += [Mutation("swapped", pair, partial(_swapped, *pair)) for pair in pairs]
    return found + [Mutation(f"kink {way}", (), partial(_kink, way)) for way in _WAYS]


def _sign(name: str, call: Call) -> Grads:
    return {n: -g if n == name else g for n, g in call.grads.items()}


def _slip(name: str, call: Call) -> Grads:
    return {n: g * (1 + SLIP) if n == name else g for n, g in call.grads.items()}


def _zeroed(name: str, call: Call) -> Grads:
    grads = dict(call.grads)
    if name in grads and grads[name].size:
        grads[name] = np.array(grads[name])
        grads[name].flat[np.abs(grads[name]).argmax()] = 0
    return grads


def _swapped(one: str, other: str, call: Call) -> Grads:
    grads = dict(call.grads)
    if one in grads and other in grads and grads[one].shape == grads[other].shape:
        grads[one], grads[other] = grads[other], grads[one]
    return grads


def _unsummed(name: str, call: Call) -> Grads:
    """An axis of dy is summed over if its first slice alone reaches every entry of the gradient."""
    dy, grads = call.dy, dict(call.grads)
    if isinstance(dy, tuple) or name not in grads:
        return grads
    for axis in (axis for axis in range(dy.ndim) if dy.shape[axis] > 1):
        first = np.array(dy)
        np.moveaxis(first, axis, 0)[1:] = 0
        part = call.backward(call.layer, call.saved, frozen(first))[name]
        if np.array_equal(part != 0, grads[name] != 0) and not np.array_equal(part, grads[name]):
            grads[name] = part
            break
    return grads


_WAYS: dict[str, Callable[[int, Array], Any]] = {
    "up": lambda _, a: np.ones_like(a),
    "down": lambda _, a: -np.ones_like(a),
    "apart": lambda i, a: np.random.default_rng(i).choice([-1.0, 1.0], a.shape).astype(a.dtype),
}
"""Signs of the ways to move argument i off a kink; entries that tie need to be moved apart."""


def _kink(way: str, call: Call) -> Grads:
    """Where the gradient jumps at once and then stays, it is a kink and no matter of rounding."""
    near, further = (_moved(call, _WAYS[way], ulps) for ulps in (1, 8))
    grads = dict(call.grads)
    if near is None or further is None:
        return grads
    cotangents = call.dy if isinstance(call.dy, tuple) else (call.dy,)
    cancelled = max(_largest(d) for d in cotangents if d is not None) * 1e-12
    for n, g in grads.items():
        jump = np.abs(near[n] - g)
        stays = np.abs(further[n] - near[n]) <= 1e-3 * jump
        at = stays & (jump > max(SLIP * _largest(g), cancelled))
        grads[n] = np.where(at, near[n], g)
    return grads


def _largest(a: Array) -> float:
    return float(np.abs(a).max(initial=0.0))


def _moved(call: Call, signs: Callable[[int, Array], Any], ulps: int) -> Grads | None:
    """The gradients at inputs moved by so many ulps, or None outside of the layer's domain."""
    kinds = argument_kinds(call.layer, len(call.arguments)).values()
    moved = [
        a
        if a is None or kind != "real"
        else np.asarray(a + ulps * signs(i, a) * np.spacing(np.abs(a)))
        for i, (a, kind) in enumerate(zip(call.arguments, kinds, strict=True))
    ]
    try:
        return call.backward(call.layer, call.forward(call.layer, *moved)[1], call.dy)
    except ValueError:
        return None


Meet = Callable[[Array, Array], Any]


def wirings() -> list[Mutation]:
    """Every mutation of a network's wiring."""
    meets: dict[str, Meet] = {
        "overwritten": lambda _, new: new,
        "dropped": lambda before, _: before,
        "doubled": lambda before, new: before + 2 * new,
    }
    found = [Mutation(name, (), partial(_backward, meet=meet)) for name, meet in meets.items()]
    found.append(Mutation("exchanged", (), partial(_backward, exchange=True)))
    return [*found, Mutation("hasty", (), partial(_backward, hasty=True))]


def _backward(
    call: Call, meet: Meet = np.add, *, exchange: bool = False, hasty: bool = False
) -> Grads:
    """A network's gradients; `meet` says what becomes of two cotangents of one value."""
    net = call.layer
    given_dy = call.dy if isinstance(call.dy, tuple) else (call.dy,)
    pairs = zip(net.steps[-1].outs, given_dy, strict=True)
    arrived: Grads = {name: d for name, d in pairs if d is not None}
    order = list(reversed(range(len(net.steps))))
    if hasty:
        _hurry(net, order)
    for i in order:
        step = net.steps[i]
        parts = tuple(arrived.pop(name, None) for name in step.outs)
        if all(part is None for part in parts):
            continue
        dy = parts if isinstance(step.out, tuple) else parts[0]
        given = step.layer.backward(call.saved[i], dy)
        if exchange:
            _exchange(given)
        for own, name in step.slots:
            if own in given:
                both = meet(arrived[name], given[own]) if name in arrived else given[own]
                arrived[name] = np.asarray(both)
    return {name: g for name, g in arrived.items() if name in call.grads}


def _hurry(net: Any, order: list[int]) -> None:
    """The last step and the one before it change places, if the last one reads that."""
    if len(order) > 1 and set(net.steps[-2].outs) & set(net.steps[-1].args):
        order[0], order[1] = order[1], order[0]


def _exchange(given: Grads) -> None:
    """The first two gradients of the same shape change places."""
    names = list(given)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if given[one].shape == given[other].shape:
                given[one], given[other] = given[other], given[one]
                return
