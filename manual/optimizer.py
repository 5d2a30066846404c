"""What an optimiser is: a frozen dataclass of options with one pure method."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from manual.layer import Array, Grads

Params: TypeAlias = dict[str, Array]
Memory: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, Memory]


@dataclass(frozen=True)
class Optimizer:
    """An update rule over named parameters.

    A subclass is a frozen dataclass whose fields are the options of the `torch.optim` class of the
    same name, with its names, defaults and update order. The state of a parameter is a dictionary
    under torch's own keys (``step``, ``exp_avg``, ``momentum_buffer``, …); before the first step
    it is absent, so a run starts from ``{}``. Every entry is an array: those of the parameter's
    shape have its dtype, and scalars such as ``step`` are float32 of shape (), as in torch.
    """

    def __post_init__(self) -> None:
        # A NumPy scalar among the options would promote float32 arrays to float64.
        for field in fields(self):
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))

    def step(self, params: Params, grads: Grads, state: State) -> tuple[Params, State]:
        """Return the updated parameters and state; write to nothing that was received.

        A parameter without a gradient is left as it is, with its state; a gradient without a
        parameter, such as that of the network's input, is not used.

        Shapes    grads[name] as params[name]
        Raises    ValueError for a gradient of another shape or dtype than its parameter
        """
        stepped: Params = {}
        kept: State = dict(state)
        for name, param in params.items():
            grad = grads.get(name)
            if grad is None:
                stepped[name] = param
                continue
            if grad.shape != param.shape or grad.dtype != param.dtype:
                raise ValueError(
                    f"the gradient of {name!r} is {grad.dtype} {grad.shape}, "
                    f"but the parameter is {param.dtype} {param.shape}"
                )
            new, memory = self.update(param, grad, state.get(name) or self.start(param))
            stepped[name] = new if new.ndim else np.asarray(new)
            if memory:
                kept[name] = {key: np.asarray(value) for key, value in memory.items()}
        return stepped, kept

    def start(self, param: Array) -> Memory:  # noqa: ARG002  (plain SGD remembers nothing)
        """The state of a parameter before its first step."""
        return {}

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        """The rule for one parameter: its new value and its new state.

        Of arrays of shape () it may make NumPy scalars: `step` turns them into arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update")


def descent(grad: Array, param: Array, maximize: bool, weight_decay: float) -> Array:
    """The gradient of what is minimised: ±loss + ½ weight_decay ‖param‖²."""
    if maximize:
        grad = -grad
    if weight_decay != 0:
        grad = grad + weight_decay * param
    return grad


def zeros(param: Array, *names: str) -> Memory:
    """A state of ``step`` 0 and zeros in the shape of param under the names given."""
    return {"step": np.float32(0), **{name: np.zeros_like(param) for name in names}}


def check_nonnegative(**options: float) -> None:
    """Raises    ValueError for an option below zero, or NaN"""
    for name, value in options.items():
        if not value >= 0:
            raise ValueError(f"{name} must be at least 0, not {value}")


def check_betas(betas: tuple[float, float]) -> None:
    """Raises    ValueError for a decay rate outside [0, 1)"""
    if not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must be at least 0 and below 1, not {betas}")


def _plain(option: Any) -> Any:
    if isinstance(option, tuple):
        return tuple(map(_plain, option))
    return option.item() if isinstance(option, np.generic) else option
