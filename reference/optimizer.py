"""The `torch.optim` twin of each optimiser, and one step of it as a pure function."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from manual.optimizer import Optimizer

Tensors = dict[str, Tensor]
States = dict[str, dict[str, Any]]


@functools.singledispatch
def optimizer_twin(optimizer: Optimizer, tensors: list[Tensor]) -> torch.optim.Optimizer:
    """torch's own optimiser of these tensors with the same options. One registration for each.

    Raises    NotImplementedError for an optimiser without a twin
    """
    raise NotImplementedError(f"{type(optimizer).__name__} has no twin in reference/")


def options(optimizer: Optimizer) -> dict[str, Any]:
    """Every option by its name, with the one choice of torch that is not the rule's own.

    foreach=False is the implementation that steps one tensor at a time.
    """
    chosen = {f.name: getattr(optimizer, f.name) for f in fields(optimizer) if f.init}
    return {**chosen, "foreach": False}


def reference_step(
    optimizer: Optimizer, params: Tensors, grads: Tensors, state: States
) -> tuple[Tensors, States]:
    """`optimizer.step` by torch.optim, on tensors, with the same layout of the state.

    Nothing received is written to. A parameter without a gradient is left as it is, with its
    state.
    """
    given = {name: param.detach().clone() for name, param in params.items() if name in grads}
    after = dict(state)
    if given:
        twin = optimizer_twin(optimizer, list(given.values()))
        for name, param in given.items():
            param.grad = grads[name].detach().clone()
            if name in state:
                twin.state[param] = {key: v.detach().clone() for key, v in state[name].items()}
        twin.step()
        # An optimiser without a memory, such as plain SGD, leaves no entry.
        after.update((name, dict(twin.state[p])) for name, p in given.items() if p in twin.state)
    return {name: given.get(name, param).detach() for name, param in params.items()}, after
