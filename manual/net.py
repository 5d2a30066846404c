"""Networks as straight-line programs: named values, each set once by one layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np

from manual.layer import Grads, Layer, Saved

Slots: TypeAlias = tuple[tuple[str, str], ...]
Pick: TypeAlias = Callable[[list[Any]], Sequence[Any]]
Wanted: TypeAlias = frozenset[str] | None


@dataclass(frozen=True)
class Step:
    """``out = layer(*args)``; several outputs have a tuple of names; an absent argument is None."""

    out: str | tuple[str, ...]
    layer: Layer
    args: tuple[str | None, ...]

    @cached_property
    def outs(self) -> tuple[str, ...]:
        return (self.out,) if isinstance(self.out, str) else self.out

    @cached_property
    def slots(self) -> Slots:
        """(the layer's own argument name, the network's name for it) of every argument given."""
        names = self.layer.argument_kinds(len(self.args))
        return tuple((n, a) for n, a in zip(names, self.args, strict=True) if a is not None)

    @cached_property
    def state(self) -> frozenset[str]:
        """The names of the outputs that have no cotangent, such as running statistics."""
        if isinstance(self.out, str):
            return frozenset()
        kinds = self.layer.output_kinds(len(self.out)) or ()
        return frozenset(out for out, k in zip(self.out, kinds, strict=False) if k != "real")


class NetError(ValueError):
    """A network that cannot be built, or arrays that do not fit it."""


@dataclass(frozen=True)
class Net(Layer):
    """A program of steps, run in order; its last step's output is y.

    Inputs named in `constants`, such as the data in training, have no gradient, and what leads to
    them alone is not computed.

    Shapes    whatever its steps ask for; arguments are `inputs`, in that order
    Backward  steps in reverse; a name used twice has its cotangents summed, out of place
    Source    reverse accumulation: Griewank & Walther, Evaluating Derivatives (2008), §3.2
    Raises    NetError for a rebound or unknown name, a wrong argument count, an unread step
    """

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    constants: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise NetError("a network needs at least one step")
        for name in self.constants:
            if name not in self.inputs:
                raise NetError(f"{name!r} is a constant, but no input has that name")
        known: set[str] = set()
        unread: dict[str, str] = {}
        for name in self.inputs:
            _bind(name, f"input {name!r}", known, unread)
        for step in self.steps:
            here = f"step {step.out!r} ({type(step.layer).__name__})"
            _check_count(step, here)
            for name in filter(None, step.args):
                if name not in known:
                    raise NetError(f"{here} reads {name!r}, which no input or earlier step sets")
                unread.pop(name, None)
            for name in step.outs:
                _bind(name, here, known, unread)
            for name in step.state:
                del unread[name]
        for name in self.steps[-1].outs:
            unread.pop(name, None)
        for name, where in unread.items():
            raise NetError(f"{where}: nobody reads {name!r}; read it or leave it out")

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each input: that of the first argument it is used for, unless constant."""
        used: dict[str, str] = {}
        for step in self.steps:
            kinds = step.layer.argument_kinds(len(step.args))
            for own, name in step.slots:
                kind = "index" if kinds[own] == "index" else "buffer"
                used.setdefault(name, kind if name in self.constants else kinds[own])
        return {name: used[name] for name in self.inputs}

    def argument_kinds(self, count: int) -> dict[str, str]:
        if count != len(self.inputs):
            raise TypeError(f"the network takes {len(self.inputs)} arrays, not {count}")
        return self.kinds

    def output_kinds(self, count: int) -> tuple[str, ...] | None:
        return self.steps[-1].layer.output_kinds(count)

    def forward(self, *args: Any) -> tuple[Any, Saved]:
        if len(args) != len(self.inputs):
            raise NetError(f"the network takes {len(self.inputs)} arrays, {len(args)} were given")
        values = [None, *args]
        saved: list[Saved] = []
        y: Any = None
        for layer, outs, pick in self._program:
            try:
                y, kept = layer.forward(*pick(values))
            except (ValueError, IndexError) as error:
                step = self.steps[len(saved)]
                raise NetError(_misfit(step, pick(values), error)) from error
            saved.append(kept)
            if outs is None:
                if not y.ndim:
                    y = np.asarray(y)  # NumPy may have made a scalar of it
                values.append(y)
            else:
                y = tuple(np.asarray(value) for _, value in zip(outs, y, strict=True))
                values += y
        return y, tuple(saved)

    def backward(self, saved: Saved, dy: Any) -> Grads:
        """As `Layer.backward`; an output without a cotangent has None in the tuple dy."""
        last = self.steps[-1].out
        grads: Grads = {last: dy} if isinstance(last, str) else dict(zip(last, dy, strict=True))
        for i, layer, out, slots, wanted in self._tape:
            arrived: Any
            if isinstance(out, str):
                arrived = grads.pop(out, None)
                if arrived is None:
                    continue
            else:
                arrived = tuple(_sealed(grads.pop(name, None)) for name in out)
                if all(part is None for part in arrived):
                    continue
            if wanted is None:
                given = layer.backward(saved[i], arrived)
            else:
                given = layer.partial_backward(saved[i], arrived, wanted)
            for own, name in slots:
                grad = given.get(own)
                if grad is None:
                    continue
                if name in grads:
                    grad = grads[name] + grad
                elif grad is arrived or grad.base is not None:
                    grad = _sealed(grad)
                grads[name] = grad if grad.ndim else np.asarray(grad)
        return grads

    @cached_property
    def _program(self) -> tuple[tuple[Layer, tuple[str, ...] | None, Pick], ...]:
        """Of every step the layer, the names of its outputs if several, its arguments' picker.

        Values are numbered in the order in which they are set, after the absent one, which is 0.
        """
        number: dict[str | None, int] = {None: 0}
        for name in (*self.inputs, *chain.from_iterable(step.outs for step in self.steps)):
            number[name] = len(number)
        program = []
        for step in self.steps:
            outs = None if isinstance(step.out, str) else step.out
            program.append((step.layer, outs, _picker([number[name] for name in step.args])))
        return tuple(program)

    @cached_property
    def _tape(self) -> tuple[tuple[int, Any, str | tuple[str, ...], Slots, Wanted], ...]:
        """Of every step, in reverse, its number, layer, outputs and slots that need a gradient.

        Where those are not all, also the names of the gradients that are wanted of the layer.
        """
        variable = set(self.inputs).difference(self.constants)
        tape = []
        for i, step in enumerate(self.steps):
            slots = tuple((own, name) for own, name in step.slots if name in variable)
            if slots:
                variable.update(set(step.outs) - step.state)
            wanted: Wanted = None
            if slots != step.slots:
                wanted = frozenset(own for own, _ in slots)
            tape.append((i, step.layer, step.out, slots, wanted))
        return tuple(reversed(tape))


def _sealed(dy: Any) -> Any:
    """A read-only view: a layer may hand dy on as two gradients, and neither may be written to."""
    if dy is not None:
        dy = dy.view()
        dy.setflags(write=False)
    return dy


def _picker(numbers: list[int]) -> Pick:
    """What picks the values with these numbers, as a sequence, out of all."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    first = numbers[0] if numbers else 0
    return itemgetter(slice(first, first + len(numbers)))


def _bind(name: str, where: str, known: set[str], unread: dict[str, str]) -> None:
    if name in known:
        raise NetError(f"{where} sets {name!r} a second time; every name is set once")
    known.add(name)
    unread[name] = where


def _check_count(step: Step, where: str) -> None:
    try:
        step.layer.argument_kinds(len(step.args))
    except TypeError as error:
        raise NetError(f"{where}: {error}") from error


def _misfit(step: Step, given: Iterable[Any], error: Exception) -> str:
    shapes = ", ".join(
        f"{own} {value.shape}"
        for (own, _), value in zip(step.slots, (v for v in given if v is not None), strict=True)
    )
    return f"step {step.out!r} ({type(step.layer).__name__}) cannot take {shapes}: {error}"
