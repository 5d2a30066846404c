"""Steps in the parameter's own unit, from running averages of squares."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_nonnegative, descent, zeros
from manual.optimizers.averages import mean_square


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """θ ← θ − lr·δ,  δ = √(d + eps) / √(v + eps) · g

    State     step;  square_avg v ← ρ v + (1 − ρ) g²;  acc_delta d ← ρ d + (1 − ρ) δ², after δ
    Decay     weight_decay θ is added to g
    Source    Zeiler, arXiv:1212.5701; torch.optim.Adadelta
    Raises    ValueError for an option out of its range
    """

    lr: float = 1.0
    rho: float = 0.9
    eps: float = 1e-6
    weight_decay: float = 0
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        if not 0 <= self.rho <= 1:
            raise ValueError(f"rho must be between 0 and 1, not {self.rho}")

    def start(self, param: Array) -> Memory:
        return zeros(param, "square_avg", "acc_delta")

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        grad = descent(grad, param, self.maximize, self.weight_decay)
        v = mean_square(memory["square_avg"], grad, self.rho)
        d = memory["acc_delta"]
        delta = np.sqrt(d + self.eps) / np.sqrt(v + self.eps) * grad
        new = {
            "step": memory["step"] + 1,
            "square_avg": v,
            "acc_delta": mean_square(d, delta, self.rho),
        }
        return param - self.lr * delta, new
