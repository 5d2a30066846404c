"""PyTorch's side of an optimiser's step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch

from gradproof.arrays import frozen
from gradproof.cases.optimizer_case import Arrays, State, UpdateCase, flat
from gradproof.oracle import tensors
from gradproof.rounding.disturb import Disturbance, disturb
from gradproof.subject.subject import Subject

Tensors: TypeAlias = dict[str, Any]
States: TypeAlias = dict[str, dict[str, Any]]


class ReferenceStep:
    """The step of a case by the optimiser's twin, to be run as often as it is needed."""

    def __init__(self, subject: Subject, case: UpdateCase) -> None:
        def tensors(arrays: Mapping[str, Any]) -> Tensors:
            return {name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}

        self._twin, self._optimizer = subject.step_twin, case.optimizer
        self._params, self._grads = tensors(case.arrays), tensors(case.grads)
        self._state = {name: tensors(entries) for name, entries in case.state.items()}

    def __call__(
        self, grads: Tensors | None = None, state: States | None = None
    ) -> tuple[Tensors, States]:
        assert self._twin is not None, "the subject has optimisers but no step_twin"
        made: tuple[Tensors, States] = self._twin(
            self._optimizer,
            self._params,
            self._grads if grads is None else grads,
            self._state if state is None else state,
        )
        return made

    def nearby(self, seed: int) -> tuple[Tensors, States]:
        """Gradients and state disturbed in the last place; counters and other scalars are not.

        Nor is the state of a parameter without a gradient: no arithmetic touches it.
        A fused kernel such as lerp may round the disturbance of one operand away.
        """
        grads = {n: disturb(g, seed + i) for i, (n, g) in enumerate(self._grads.items())}
        state = {
            n: {k: disturb(v, seed + 31 + i) if v.ndim else v for i, (k, v) in enumerate(s.items())}
            for n, s in self._state.items()
            if n in grads
        }
        return grads, self._state | state


def as_arrays(pair: tuple[Tensors, States]) -> tuple[Arrays, State]:
    """Parameters and state as read-only arrays of their own memory."""
    params, state = pair
    held = {n: {k: frozen(v.numpy().copy()) for k, v in s.items()} for n, s in state.items()}
    return {n: frozen(p.numpy().copy()) for n, p in params.items()}, held


def noise_samples(twin: ReferenceStep) -> Iterator[dict[str, Any]]:
    """Yield (disturbed, undisturbed) of each array of a step with all arithmetic disturbed."""
    mode = Disturbance(seed=2)
    with mode:
        exact = twin()
    undisturbed = flat(*as_arrays(exact))
    for seed in range(tensors.THOROUGH):
        near = twin.nearby(seed)
        mode.again()
        with mode:
            moved = twin(*near)
        disturbed = flat(*as_arrays(moved))
        yield {n: (disturbed[n], undisturbed[n]) for n in undisturbed}
