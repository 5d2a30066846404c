"""Gradient descent divided by the root of all squares so far."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_nonnegative, descent, zeros


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """θ ← θ − lr / (1 + (t − 1) lr_decay) · g / (√s + eps)

    State     step t;  sum s ← s + g², from initial_accumulator_value
    Decay     weight_decay θ is added to g
    Source    Duchi, Hazan & Singer, JMLR 12 (2011); torch.optim.Adagrad
    Raises    ValueError for an option out of its range
    """

    lr: float = 1e-2
    lr_decay: float = 0
    weight_decay: float = 0
    initial_accumulator_value: float = 0
    eps: float = 1e-10
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, lr_decay=self.lr_decay, weight_decay=self.weight_decay)
        check_nonnegative(initial_accumulator_value=self.initial_accumulator_value, eps=self.eps)

    def start(self, param: Array) -> Memory:
        return zeros(param) | {"sum": np.full_like(param, self.initial_accumulator_value)}

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        grad = descent(grad, param, self.maximize, self.weight_decay)
        step = memory["step"] + 1
        t = float(step)
        total = memory["sum"] + grad * grad
        root = np.sqrt(total)
        root += self.eps
        rate = self.lr / (1 + (t - 1) * self.lr_decay)
        return param - rate * grad / root, {"step": step, "sum": total}
