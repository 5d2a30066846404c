"""Wrong ways to run a network's steps backward: mutants of the network type.

overwritten  a value that is used twice keeps the cotangent of its first use alone
dropped      it keeps that of its last use alone
doubled      every further use counts twice
exchanged    two arguments of a step get each other's cotangent
hasty        a step runs before the last one that reads its output
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradproof.fill import Array
from gradproof.mutants import Call, Grads, Mutation

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
