"""Adam whose adaptive rate waits until its variance can be told."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_betas, check_nonnegative, descent, zeros
from manual.optimizers.averages import lerp, mean_square


@dataclass(frozen=True)
class RAdam(Optimizer):
    """θ ← θ − lr·m̂·r √(1 − β₂ᵗ) / (√v + eps) once ρₜ > 5, and θ − lr·m̂ before

    Here ρ∞ = 2 / (1 − β₂) − 1, ρₜ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ), m̂ = m / (1 − β₁ᵗ) and
    r² = (ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ).

    State     step t;  exp_avg m and exp_avg_sq v as Adam
    Decay     weight_decay θ is added to g; decoupled, θ is scaled by 1 − lr·weight_decay first
    Source    Liu et al., arXiv:1908.03265; torch.optim.RAdam
    Raises    ValueError for an option out of its range
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    decoupled_weight_decay: bool = False
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        check_betas(self.betas)

    def start(self, param: Array) -> Memory:
        return zeros(param, "exp_avg", "exp_avg_sq")

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        if self.decoupled_weight_decay:
            grad = descent(grad, param, self.maximize, 0)
            param = param * (1 - self.lr * self.weight_decay)
        else:
            grad = descent(grad, param, self.maximize, self.weight_decay)
        beta1, beta2 = self.betas
        step = memory["step"] + 1
        t = float(step)
        m = lerp(memory["exp_avg"], grad, 1 - beta1)
        v = mean_square(memory["exp_avg_sq"], grad, beta2)
        change = m / (1 - beta1**t) * self.lr
        correction = 1 - beta2**t
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / correction
        if length > 5:
            change *= correction**0.5 / (np.sqrt(v) + self.eps)
            change *= _rectification(length, longest)
        return param - change, {"step": step, "exp_avg": m, "exp_avg_sq": v}


def _rectification(length: float, longest: float) -> float:
    known = (length - 4) * (length - 2) * longest
    return float((known / ((longest - 4) * (longest - 2) * length)) ** 0.5)
