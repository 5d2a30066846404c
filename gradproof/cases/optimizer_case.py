"""An optimiser's case: tensors of several shapes, each step's gradients; and one update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array, frozen
from gradproof.subject.entries import Shape

Arrays: TypeAlias = dict[str, Array]
State: TypeAlias = dict[str, dict[str, Any]]


class _OfOptimizer:
    """What both cases have, under the names that a layer's case has."""

    optimizer: Any
    dtype: str
    layout = "C"
    dy = ()

    @property
    def precision(self) -> str:
        """The dtype in which it is judged."""
        return self.dtype

    @property
    def digest(self) -> str:
        """Two cases share it only if they are the same."""
        return repr(self)

    @property
    def target(self) -> Any:
        """What is judged."""
        return self.optimizer

    @property
    def kind(self) -> str:
        """The name of the optimiser's type."""
        return type(self.optimizer).__name__


@dataclass(frozen=True)
class UpdateCase(_OfOptimizer):
    """One step of an optimiser from given parameters, gradients and state.

    arrays   the parameters, by name
    grads    by name; a parameter that has none is absent, as its .grad is None in PyTorch
    step     its number, from 1
    """

    optimizer: Any
    arrays: Mapping[str, Array]
    grads: Arrays
    state: State
    dtype: str
    seed: int = 0
    step: int = 1

    @property
    def kinds(self) -> dict[str, str]:
        """All arrays are parameters."""
        return dict.fromkeys(self.arrays, "param")

    @cached_property
    def before(self) -> Arrays:
        """What the step is given beside the parameters: p0.grad, … and p0.exp_avg, …"""
        return {f"{name}.grad": g for name, g in self.grads.items()} | flat({}, self.state)

    @property
    def absent(self) -> list[str]:
        """The parameters without a gradient."""
        return [name for name in self.arrays if name not in self.grads]

    def owner(self, name: str) -> str:
        """The parameter that a name such as "h1.weight" or "h1.weight.step" belongs to."""
        return name if name in self.arrays else name.rpartition(".")[0]

    def given(self, arrays: Mapping[str, Any], before: Mapping[str, Array]) -> UpdateCase:
        """The same step from other parameters, and from what `before` holds."""
        grads: Arrays = {}
        state: State = {}
        for name, a in before.items():
            owner, _, key = name.rpartition(".")
            if key == "grad":
                grads[owner] = a
            else:
                state.setdefault(owner, {})[key] = a
        return replace(self, arrays=arrays, grads=grads, state=state)


def flat(params: Arrays, state: State) -> Arrays:
    """p0, p1, … and p0.exp_avg, … in one dictionary; a state entry that is None is absent."""
    flat = dict(params)
    for name, entries in state.items():
        flat |= {f"{name}.{k}": np.asarray(v) for k, v in entries.items() if v is not None}
    return flat


@dataclass(frozen=True)
class OptimizerCase(_OfOptimizer):
    """An optimiser on tensors of several shapes, with the gradients of each step.

    shapes   of the parameters p0, p1, …
    scales   of each step's gradients, swept from 1 down to 1e-7
    absent   whether one parameter has no gradient in about half of the steps
    """

    optimizer: Any
    shapes: tuple[Shape, ...]
    scales: tuple[float, ...]
    sparse: bool
    dtype: str
    seed: int
    absent: bool = False

    @property
    def hazards(self) -> tuple[str, ...]:
        """How the gradients are drawn."""
        return ("sparse" if self.sparse else "normal",)

    @cached_property
    def arrays(self) -> Arrays:
        """The parameters before the first step."""
        r = np.random.default_rng([self.seed, 0])
        drawn = [r.standard_normal(s) for s in self.shapes]
        return {f"p{i}": frozen(p.astype(self.dtype)) for i, p in enumerate(drawn)}

    @property
    def kinds(self) -> dict[str, str]:
        """All arrays are parameters."""
        return dict.fromkeys(self.arrays, "param")

    def grads(self, step: int) -> Arrays:
        """The gradients of one step, counted from 0, by name; an absent one has no name there."""
        r = np.random.default_rng([self.seed, 1 + step])
        drawn = {}
        for i, shape in enumerate(self.shapes):
            g = r.standard_normal(shape) * self.scales[step]
            if self.sparse:
                g = g * (r.random(shape) < 0.5)
            drawn[f"p{i}"] = frozen(np.asarray(g, dtype=self.dtype))
        if self.absent:
            drawn.pop(f"p{r.integers(2 * len(self.shapes))}", None)
        return drawn
