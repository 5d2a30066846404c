"""Adam by the infinity norm."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_betas, check_nonnegative, descent, zeros
from manual.optimizers.averages import lerp


@dataclass(frozen=True)
class Adamax(Optimizer):
    """θ ← θ − lr / (1 − β₁ᵗ) · m / u

    State     step t;  exp_avg m ← β₁ m + (1 − β₁) g;  exp_inf u ← max(β₂ u, |g| + eps)
    Decay     weight_decay θ is added to g
    Source    Kingma & Ba, arXiv:1412.6980, §7.1; torch.optim.Adamax
    Raises    ValueError for an option out of its range
    """

    lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        check_betas(self.betas)

    def start(self, param: Array) -> Memory:
        return zeros(param, "exp_avg", "exp_inf")

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        grad = descent(grad, param, self.maximize, self.weight_decay)
        beta1, beta2 = self.betas
        step = memory["step"] + 1
        t = float(step)
        m = lerp(memory["exp_avg"], grad, 1 - beta1)
        u = np.maximum(memory["exp_inf"] * beta2, np.abs(grad) + self.eps)
        new = param - (self.lr / (1 - beta1**t)) * m / u
        return new, {"step": step, "exp_avg": m, "exp_inf": u}
