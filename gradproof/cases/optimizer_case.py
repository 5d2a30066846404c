"""An optimiser's case: tensors of several shapes, and the gradients of each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from gradproof.arrays import Array, frozen
from gradproof.cases import file
from gradproof.subject.entries import Draw, Shape

Arrays: TypeAlias = dict[str, Array]
State: TypeAlias = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class StepCase:
    """An optimiser on tensors of several shapes, with the gradients of each step.

    shapes   of the parameters p0, p1, …
    scales   of each step's gradients, swept from 1 down to 1e-7
    """

    optimizer: Any
    shapes: tuple[Shape, ...]
    scales: tuple[float, ...]
    sparse: bool
    dtype: str
    seed: int

    @property
    def digest(self) -> str:
        return repr(self)

    def params(self) -> Arrays:
        r = np.random.default_rng([self.seed, 0])
        drawn = [r.standard_normal(s) for s in self.shapes]
        return {f"p{i}": frozen(p.astype(self.dtype)) for i, p in enumerate(drawn)}

    def grads(self, step: int) -> Arrays:
        r = np.random.default_rng([self.seed, 1 + step])
        drawn = {}
        for i, shape in enumerate(self.shapes):
            g = r.standard_normal(shape) * self.scales[step]
            if self.sparse:
                g = g * (r.random(shape) < 0.5)
            drawn[f"p{i}"] = frozen(np.asarray(g, dtype=self.dtype))
        return drawn


def save_steps(path: Path, case: StepCase) -> None:
    """Write the case, whole or not at all; its arrays are redrawn from its seed."""
    file.write(path, {"format": file.FORMAT, "steps": file.encode(case)}, {})


def load_steps(path: Path, types: Mapping[str, type]) -> StepCase | None:
    """Read a case of an optimiser; None if the file holds another kind of case.

    Raises    InputError as `file.read` and `file.decode` do
    """
    about, _ = file.read(path)
    if "steps" not in about:
        return None
    case: StepCase = file.decode(about["steps"], {**types, "StepCase": StepCase})
    return case


@st.composite
def step_cases(draw: Draw, optimizers: st.SearchStrategy[Any]) -> StepCase:
    """At least three steps of an optimiser on at least two tensors."""
    shape = st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple)
    scale = st.integers(0, 7).map(lambda k: 10.0**-k)
    return StepCase(
        draw(optimizers),
        tuple(draw(st.lists(shape, min_size=2, max_size=3))),
        tuple(draw(st.lists(scale, min_size=3, max_size=6))),
        draw(st.booleans()),
        draw(st.sampled_from(["float64", "float32"])),
        draw(st.integers(0, 2**32 - 1)),
    )


def apart(before: Mapping[str, Array]) -> tuple[Arrays, State]:
    """Split a finding's `before` into gradients and state."""
    grads: Arrays = {}
    state: State = {}
    for name, a in before.items():
        owner, _, key = name.partition(".")
        if key == "grad":
            grads[owner] = a
        else:
            state.setdefault(owner, {})[key] = a
    return grads, state
