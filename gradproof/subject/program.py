"""Running a network: a program of steps, each of which reads named values and sets new ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

V = TypeVar("V")


def run(
    net: Any, inputs: Sequence[V | None], call: Callable[[int, Any, list[V | None]], Sequence[V]]
) -> Sequence[V]:
    """The outputs of a network's last step.

    net      has the names of its `inputs`, and `steps` with `args`, `outs` and a `layer`
    inputs   of whatever sort: arrays, tensors, balls; an absent one is None
    call     call(number of the step, step, what it reads) → its outputs
    """
    values: dict[str | None, V | None] = dict(zip(net.inputs, inputs, strict=True))
    values[None] = None
    outputs: Sequence[V] = ()
    for i, step in enumerate(net.steps):
        outputs = call(i, step, [values[name] for name in step.args])
        values.update(zip(step.outs, outputs, strict=True))
    return outputs


def as_tuple(y: Any) -> tuple[Any, ...]:
    """A layer's outputs as a tuple, whether there are several or one."""
    return tuple(y) if isinstance(y, (tuple, list)) else (y,)
