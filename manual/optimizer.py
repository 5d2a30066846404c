"""What an optimiser is: a frozen dataclass of options with one pure method."""

from __future__ import annotations

from typing import Any, TypeAlias

from manual.layer import Array, Grads

Params: TypeAlias = dict[str, Array]
State: TypeAlias = dict[str, dict[str, Any]]


class Optimizer:
    """An update rule over named parameters.

    A subclass is a frozen dataclass whose fields are the options of the `torch.optim` class of the
    same name, with its names, defaults and update order. The state of a parameter is a dictionary
    under torch's own keys (``step``, ``exp_avg``, ``momentum_buffer``, …); before the first step
    it is absent, so a run starts from ``{}``.
    """

    def step(self, params: Params, grads: Grads, state: State) -> tuple[Params, State]:
        """Return the updated parameters and state; write to nothing that was received.

        Shapes    grads[name] as params[name]
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")
