"""Resilient back-propagation: the gradient's sign alone."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_nonnegative, descent, zeros


@dataclass(frozen=True)
class Rprop(Optimizer):
    """θ ← θ − sign(g) s, where s grows while g keeps its sign and shrinks when it turns

    State     step;  step_size s, from lr: times etas[1] where g·prev > 0, times etas[0] where
              g·prev < 0, within step_sizes;  prev, the last g, with 0 where the sign had turned
    Turned    g itself counts as 0 where g·prev < 0: such an entry waits for one step
    Source    Riedmiller & Braun, ICNN (1993); torch.optim.Rprop
    Raises    ValueError for an option out of its range
    """

    lr: float = 1e-2
    etas: tuple[float, float] = (0.5, 1.2)
    step_sizes: tuple[float, float] = (1e-6, 50)
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr)
        if not 0 < self.etas[0] < 1 < self.etas[1]:
            raise ValueError(f"etas must satisfy 0 < etas[0] < 1 < etas[1], not {self.etas}")

    def start(self, param: Array) -> Memory:
        return zeros(param, "prev") | {"step_size": np.full_like(param, self.lr)}

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        grad = descent(grad, param, self.maximize, 0)
        shrink, grow = self.etas
        turn = grad * memory["prev"]
        turned = turn < 0
        factor = np.where(turned, shrink, np.where(turn > 0, grow, 1.0)).astype(param.dtype)
        size = np.clip(memory["step_size"] * factor, *self.step_sizes)
        grad = np.where(turned, 0, grad)
        new = param - np.sign(grad) * size
        return new, {"step": memory["step"] + 1, "prev": grad, "step_size": size}
