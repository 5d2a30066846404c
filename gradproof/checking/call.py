"""One call of a module as a function of tensors: its inputs, its parameters and its buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils import _pytree as pytree

from gradproof.arrays import numbered


@dataclass
class Call:
    """What a module was called with: its tensors, and all else at its place.

    given      the leaves of (args, kwargs); those that are tensors of numbers are inputs
    made       its outputs that are tensors;  cotangents: what reached them, by their number
    """

    given: list[Any]
    structure: Any
    made: list[Tensor] = field(default_factory=list)
    cotangents: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """A call with these arguments."""
        leaves, structure = pytree.tree_flatten((tuple(args), dict(kwargs)))
        return cls([v.detach().clone() if isinstance(v, Tensor) else v for v in leaves], structure)

    def reached(self, output: int, cotangent: Tensor) -> None:
        """Keep the cotangent that reached an output."""
        self.cotangents.setdefault(output, cotangent.clone())

    @property
    def places(self) -> list[int]:
        """Where the inputs stand among the leaves; masks of bool are none."""
        return [
            i
            for i, leaf in enumerate(self.given)
            if isinstance(leaf, Tensor) and leaf.dtype != torch.bool and not leaf.is_complex()
        ]

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The inputs by name: x, x1, …"""
        return numbered("x", [self.given[i] for i in self.places])

    def arguments(self, inputs: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with other inputs."""
        leaves = list(self.given)
        for place, tensor in zip(self.places, inputs, strict=True):
            leaves[place] = tensor
        args, kwargs = pytree.tree_unflatten(leaves, self.structure)
        return args, kwargs


def outputs_of(made: Any) -> list[Tensor]:
    """The tensors among what a module returned."""
    return [leaf for leaf in pytree.tree_leaves(made) if isinstance(leaf, Tensor)]


@dataclass(frozen=True)
class Pure:
    """A module as a function of tensors: of the inputs of a call, then of its named state.

    modules    the module by dtype of its other numbers
    state      names of parameters, then of buffers, as the module has them; buffers come last
    buffers    how many of them are buffers; their values after the call are the last outputs
    """

    modules: Mapping[torch.dtype, torch.nn.Module]
    call: Call
    state: tuple[str, ...]
    buffers: int

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(self.call.places)
        held = dict(zip(self.state, tensors[count:], strict=True))
        after = self.state[len(self.state) - self.buffers :]
        for name in after:  # a module writes into them
            held[name] = held[name].clone()
        module = self.modules[next(t.dtype for t in tensors if t.is_floating_point())]
        args, kwargs = self.call.arguments(tensors[:count])
        made = functional_call(module, held, args, kwargs)
        return (*outputs_of(made), *(held[name] for name in after))
