"""PyTorch's side of a network: one run yields every layer's inputs, cotangents and gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, smooth_names
from gradproof.oracle import tensors
from gradproof.oracle.layer import Oracle
from gradproof.oracle.tensors import Sample, array_or_none, as_array, as_tensors, pull_back, tensor
from gradproof.rounding.disturb import disturb
from gradproof.subject import program


class NetworkOracle:
    """The network run by its layers' twins on one autograd graph.

    Each use of a value is a view of its own. The gradient of a step's outputs with respect to its
    views is that of the layer alone; with respect to the values it is what torch accumulated.

    y          the network's outputs
    names      of its smooth arguments; `quantities`: those of its outputs as well
    given      per step, the arrays its layer received (None: absent)
    outputs    per step, what it returned
    """

    def __init__(self, twin: Any, case: Case) -> None:
        self._twin, self._net = twin, case.layer
        self.names = smooth_names(case)
        self.inputs = as_tensors(case.arrays, case.smooth)
        self._leaves = [t for t in self.inputs if t is not None and t.requires_grad]
        self._uses, self._outs = self._run(self.inputs)
        self.given = [[*map(array_or_none, uses)] for uses in self._uses]
        self.outputs = [[as_array(o) for o in outs] for outs in self._outs]
        self.y = self.outputs[-1]
        self.quantities = [*numbered("y", self.y), *self.names]

    def _run(
        self, inputs: Sequence[Tensor | None], seed: int | None = None
    ) -> tuple[list[list[Tensor | None]], list[list[Tensor]]]:
        """Uses and outputs of each step; with a seed, every step's outputs are disturbed."""
        all_uses: list[list[Tensor | None]] = []
        all_outs: list[list[Tensor]] = []

        def call(i: int, step: Any, values: list[Tensor | None]) -> list[Tensor]:
            uses = [_own_view(value) for value in values]
            outs = list(tensors.call(partial(self._twin, step.layer), uses))
            if seed is not None:
                outs = [disturb(o, seed + 97 * i) if o.is_floating_point() else o for o in outs]
            all_uses.append(uses)
            all_outs.append(outs)
            return outs

        program.run(self._net, inputs, call)
        return all_uses, all_outs

    def pull(self, dy: Sequence[Array | None]) -> dict[str, Array | None]:
        """Pull the cotangent back through the whole network; the gradients of its smooth inputs.

        Sets `cotangents`, per step those of its outputs, and `isolated`, per step the gradients of
        its layer alone, one per smooth argument.
        """
        self._dy = [None if d is None else tensor(d) for d in dy]
        inner = [o for outs in self._outs[:-1] for o in outs if o.requires_grad]
        uses = [u for used in self._uses for u in used if u is not None and u.requires_grad]
        pulled = iter(pull_back(self._outs[-1], self._dy, [*self._leaves, *inner, *uses]))
        self._gradients = [*islice(pulled, len(self._leaves))]
        arrived = {id(o): array_or_none(g) for o, g in zip((*inner, *uses), pulled, strict=True)}
        self.cotangents = [tuple(arrived.get(id(o)) for o in outs) for outs in self._outs[:-1]]
        self.cotangents.append(tuple(map(array_or_none, self._dy)))
        self.isolated = [[arrived[id(u)] for u in us if id(u) in arrived] for us in self._uses]
        return dict(zip(self.names, map(array_or_none, self._gradients), strict=True))

    def requires_grad(self, i: int) -> tuple[bool, ...]:
        return tuple(u is not None and u.requires_grad for u in self._uses[i])

    def cheap_samples(self) -> Iterator[Sample]:
        """Yield samples of y and the gradients; steps' results are disturbed."""
        exact = [*self._outs[-1], *self._gradients]
        for k in range(tensors.CHEAP):
            _, outs = self._run(self.inputs, seed=1000 * k)
            _disturb_gradients(outs, 1000 * k)
            moved = [*outs[-1], *pull_back(outs[-1], self._dy, self._leaves)]
            yield tensors.sample(self.quantities, moved, exact)

    def thorough_samples(self) -> Iterator[Sample]:
        """The same with all arithmetic disturbed, inside the layers too."""
        return tensors.disturbed_runs(1, self.quantities, self._everything)

    def samples_at_own_state(self) -> Iterator[Sample]:
        """The same of the gradients, with each layer's own noise at the state of this run.

        A disturbed run may lie on the other side of a kink, where there is nothing to disturb.
        """
        layers = [iter(alone.thorough_samples()) for alone in self._alone()]
        exact = [*self._outs[-1], *self._gradients]
        for k, noise in enumerate(zip(*layers, strict=True)):
            uses, outs = self._run(self.inputs)
            for step_uses, sample in zip(uses, noise, strict=True):
                for j, use in enumerate(step_uses):
                    if use is not None and str(j) in sample:
                        use.register_hook(_Adder(*sample[str(j)]))  # type: ignore[no-untyped-call]
            _disturb_gradients(outs, 1000 * k)
            moved = [*self._outs[-1], *pull_back(outs[-1], self._dy, self._leaves)]
            yield tensors.sample(self.quantities, moved, exact)

    def _alone(self) -> Iterator[Oracle]:
        """Each step's layer on what it was given, with its cotangent."""
        for i, step in enumerate(self._net.steps):
            arrays = {str(j): a for j, a in enumerate(self.given[i])}
            alone = Oracle(partial(self._twin, step.layer), arrays, self.requires_grad(i))
            alone.pull(self.cotangents[i])
            yield alone

    def _everything(self) -> list[Tensor | None]:
        _, outs = self._run(self.inputs)
        return [*outs[-1], *pull_back(outs[-1], self._dy, self._leaves)]


def _disturb_gradients(outs: Sequence[Sequence[Tensor]], seed: int) -> None:
    """Disturb the gradients that arrive at each step's outputs."""
    for i, step_outs in enumerate(outs):
        for out in step_outs:
            if out.requires_grad:
                out.register_hook(_Disturber(seed + i))  # type: ignore[no-untyped-call]


class _Disturber:
    """A hook that disturbs the gradient passing by, if one does."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, gradient: Tensor | None) -> Tensor | None:
        return None if gradient is None else disturb(gradient, self._seed)


class _Adder:
    """A hook that adds the noise of a sample to the gradient passing by, where it is a number."""

    def __init__(self, disturbed: Array, undisturbed: Array) -> None:
        with np.errstate(invalid="ignore"):
            noise = disturbed - undisturbed
        self._noise = tensor(np.where(np.isfinite(noise), noise, 0.0))

    def __call__(self, gradient: Tensor | None) -> Tensor | None:
        return None if gradient is None else gradient + self._noise.to(gradient.dtype)


def _own_view(value: Tensor | None) -> Tensor | None:
    if value is None or not value.requires_grad:
        return value
    return value.view_as(value)
