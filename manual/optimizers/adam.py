"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_betas, check_nonnegative, descent, zeros
from manual.optimizers.averages import lerp, mean_square


@dataclass(frozen=True)
class Adam(Optimizer):
    """θ ← θ − lr·m̂ / (√v̂ + eps),  m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

    State     step t;  exp_avg m ← β₁ m + (1 − β₁) g;  exp_avg_sq v ← β₂ v + (1 − β₂) g²;
              with amsgrad max_exp_avg_sq, the greatest v so far, which takes v's place in v̂
    Decay     weight_decay θ is added to g; decoupled, θ is scaled by 1 − lr·weight_decay first
    Source    Kingma & Ba, arXiv:1412.6980; Reddi et al., On the Convergence of Adam (2018);
              torch.optim.Adam
    Raises    ValueError for an option out of its range
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0
    amsgrad: bool = False
    _: KW_ONLY
    maximize: bool = False
    decoupled_weight_decay: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)
        check_betas(self.betas)

    def start(self, param: Array) -> Memory:
        memory = zeros(param, "exp_avg", "exp_avg_sq")
        return memory | zeros(param, "max_exp_avg_sq") if self.amsgrad else memory

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
        new = {"step": step, "exp_avg": m, "exp_avg_sq": v}
        if self.amsgrad:
            v = np.maximum(memory["max_exp_avg_sq"], v)
            new["max_exp_avg_sq"] = v
        root = np.sqrt(v) / (1 - beta2**t) ** 0.5
        root += self.eps
        return param - (self.lr / (1 - beta1**t)) * m / root, new


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.01 unless told

    State     as Adam
    Source    Loshchilov & Hutter, arXiv:1711.05101; torch.optim.AdamW
    Raises    ValueError for an option out of its range
    """

    weight_decay: float = 1e-2
    decoupled_weight_decay: bool = field(default=True, init=False, repr=False)
