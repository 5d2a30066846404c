"""Adam with Nesterov momentum."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_betas, check_nonnegative, descent, zeros
from manual.optimizers.averages import lerp, mean_square


@dataclass(frozen=True)
class NAdam(Optimizer):
    """θ ← θ − lr·[(1 − μₜ) g / (1 − Πₜ) + μₜ₊₁ m / (1 − Πₜ μₜ₊₁)] / (√v̂ + eps)

    Here μₜ = β₁ (1 − ½ 0.96^(t·momentum_decay)) and Πₜ = μ₁ μ₂ … μₜ.

    State     step t;  mu_product Πₜ;  exp_avg m and exp_avg_sq v as Adam, v̂ = v / (1 − β₂ᵗ)
    Decay     weight_decay θ is added to g; decoupled, θ is scaled by 1 − lr·weight_decay first
    Source    Dozat, Incorporating Nesterov Momentum into Adam (2016); torch.optim.NAdam
    Raises    ValueError for an option out of its range
    """

    lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    momentum_decay: float = 4e-3
    decoupled_weight_decay: bool = False
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        check_nonnegative(momentum_decay=self.momentum_decay)
        check_betas(self.betas)

    def start(self, param: Array) -> Memory:
        return zeros(param, "exp_avg", "exp_avg_sq") | {"mu_product": np.float32(1)}

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        if self.decoupled_weight_decay:
            grad = descent(grad, param, self.maximize, 0)
            param = param * (1 - self.lr * self.weight_decay)
        else:
            grad = descent(grad, param, self.maximize, self.weight_decay)
        beta1, beta2 = self.betas
        step = memory["step"] + 1
        t = float(step)
        mu, mu_next = self._momentum(t), self._momentum(t + 1)
        # float32, as torch keeps it, whatever the parameter's dtype.
        mu_product = memory["mu_product"] * mu
        product = float(mu_product)
        m = lerp(memory["exp_avg"], grad, 1 - beta1)
        v = mean_square(memory["exp_avg_sq"], grad, beta2)
        root = np.sqrt(v / (1 - beta2**t))
        root += self.eps
        new = param + (-self.lr * (1 - mu) / (1 - product)) * grad / root
        new += (-self.lr * mu_next / (1 - product * mu_next)) * m / root
        return new, {"step": step, "mu_product": mu_product, "exp_avg": m, "exp_avg_sq": v}

    def _momentum(self, t: float) -> float:
        return float(self.betas[0] * (1 - 0.5 * 0.96 ** (t * self.momentum_decay)))
