"""What a layer or an optimiser returns on a case, and whether a bug changes that."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from gradproof.arrays import Array, numbered
from gradproof.cases.case import received, received_dy
from gradproof.cases.optimizer_case import OptimizerCase, flat
from gradproof.judge import conduct
from gradproof.judge.optimizer import sharing
from gradproof.subject import passes
from gradproof.subject.layer_options import has_options, options_of, with_options

T = TypeVar("T")


@dataclass(frozen=True)
class Behaviour:
    """Every array that is returned, by name.

    said    what was raised, or which arrays share memory
    """

    arrays: dict[str, Array]
    said: str = ""

    def same(self, other: Behaviour) -> bool:
        """Whether both are equal to the last bit."""
        return self._alike(other) and all(
            np.array_equal(a, other.arrays[n], equal_nan=True) for n, a in self.arrays.items()
        )

    def differs(self, other: Behaviour) -> bool:
        """Whether they differ by more than rounding, or in anything but numbers."""
        if not self._alike(other):
            return True
        pairs = [(a, other.arrays[n]) for n, a in self.arrays.items()]
        with np.errstate(all="ignore"):
            return any(_gross(a, b) for a, b in pairs)

    def _alike(self, other: Behaviour) -> bool:
        mine, others = ({n: (a.shape, a.dtype) for n, a in b.arrays.items()} for b in (self, other))
        return self.said == other.said and mine == others


def _gross(a: Array, b: Array) -> bool:
    if a.dtype.kind not in "fc":
        return not np.array_equal(a, b)
    off = np.abs(a - b) > GROSS * np.maximum(np.abs(a), np.abs(b))
    unlike = (np.isnan(a) != np.isnan(b)) | (np.isinf(a) != np.isinf(b)) | (np.isinf(a) & (a != b))
    return bool((off | unlike).any())


def behaviour(case: Any) -> Behaviour:
    """Run a layer forward and backward, or an optimiser over its steps, as the judge does."""
    with np.errstate(all="ignore"), conduct.poisoned():
        if isinstance(case, OptimizerCase):
            return _steps(case)
        dy = received_dy(case)
        try:
            ran = passes.forward(case.layer, received(case))
            outputs = {n: np.array(y) for n, y in numbered("y", ran.outputs).items()}
            first = passes.backward(case.layer, ran, dy)
            grads = {f"d {n}": np.array(g) for n, g in first.items()}
            twice = passes.backward(case.layer, ran, dy)
        except passes.Misconduct as error:
            return Behaviour({}, str(error))
    second = {f"again d {n}": g for n, g in twice.items()}
    return Behaviour(outputs | grads | second, _shared(first, dy))


def _shared(grads: dict[str, Array], dy: passes.Dy) -> str:
    """Writable gradients that share memory with another one or with dy, as text."""
    others = {**grads, **{n: d for n, d in numbered("dy", dy).items() if d is not None}}
    return "shared: " + ", ".join(
        f"{a} {b}"
        for a, b in itertools.product(grads, others)
        if a != b and grads[a].flags.writeable and np.shares_memory(grads[a], others[b])
    )


def _steps(case: OptimizerCase) -> Behaviour:
    params, state = case.arrays, {}  # type: ignore[var-annotated]
    arrays: dict[str, Array] = {}
    for step in range(len(case.scales)):
        try:
            params, state = case.optimizer.step(params, case.grads(step), state)
        except Exception as error:  # noqa: BLE001  (whatever it raises is what it does)
            return Behaviour(arrays, f"step {step} raised {type(error).__name__}: {error}")
        arrays |= {f"{step} {n}": a for n, a in flat(params, state).items()}
    return Behaviour(arrays, str([*sharing(flat(params, state), {})]))


def fresh(case: T) -> T:
    """The same case with a new layer.

    A layer may cache what it derives from its options, and would then cache what a bug made.
    """
    if has_options(case):
        return cast("T", with_options(case, **{n: fresh(v) for n, v in options_of(case).items()}))
    if isinstance(case, tuple):
        return type(case)(map(fresh, case)) if type(case) is tuple else case
    return case


GROSS = 1e-9
"""Entries that differ by less, relative to themselves, count as rounding."""
