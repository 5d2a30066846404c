"""PyTorch's side of a network: one run yields every layer's inputs, cotangents and gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from gradproof.arrays import Array, numbered
from gradproof.cases.case import Case, smooth_names
from gradproof.oracle import tensors
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

        Sets `cotangents`, per step those of its outputs.
        """
        self._dy = [None if d is None else tensor(d) for d in dy]
        inner = [o for outs in self._outs[:-1] for o in outs if o.requires_grad]
        pulled = pull_back(self._outs[-1], self._dy, [*self._leaves, *inner])
        arrived = dict(zip(map(id, inner), pulled[len(self._leaves) :], strict=True))
        self._cotangents = [[arrived.get(id(o)) for o in outs] for outs in self._outs[:-1]]
        self._cotangents.append(self._dy)
        self._gradients = pulled[: len(self._leaves)]
        self.cotangents = [tuple(map(array_or_none, ds)) for ds in self._cotangents]
        return dict(zip(self.names, map(array_or_none, self._gradients), strict=True))

    def isolated(self, i: int) -> list[Array | None]:
        """The gradients of step i's layer alone, one per smooth argument."""
        smooth = [u for u in self._uses[i] if u is not None and u.requires_grad]
        pulled = pull_back(self._outs[i], self._cotangents[i], smooth)
        return [*map(array_or_none, pulled)]

    def requires_grad(self, i: int) -> tuple[bool, ...]:
        return tuple(u is not None and u.requires_grad for u in self._uses[i])

    def cheap_samples(self) -> Iterator[Sample]:
        """Yield samples of y and the gradients; steps' results are disturbed."""
        exact = [*self._outs[-1], *self._gradients]
        for k in range(tensors.CHEAP):
            _, outs = self._run(self.inputs, seed=1000 * k)
            for i, step_outs in enumerate(outs):
                for out in step_outs:
                    if out.requires_grad:
                        out.register_hook(_Disturber(1000 * k + i))  # type: ignore[no-untyped-call]
            moved = [*outs[-1], *pull_back(outs[-1], self._dy, self._leaves)]
            yield tensors.sample(self.quantities, moved, exact)

    def thorough_samples(self) -> Iterator[Sample]:
        """The same with all arithmetic disturbed, inside the layers too."""
        return tensors.disturbed_runs(1, self.quantities, self._everything)

    def _everything(self) -> list[Tensor | None]:
        _, outs = self._run(self.inputs)
        return [*outs[-1], *pull_back(outs[-1], self._dy, self._leaves)]


class _Disturber:
    """A hook that disturbs the gradient passing by."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, gradient: Tensor) -> Tensor:
        return disturb(gradient, self._seed)


def _own_view(value: Tensor | None) -> Tensor | None:
    if value is None or not value.requires_grad:
        return value
    return value.view_as(value)
