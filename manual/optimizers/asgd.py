"""Averaged stochastic gradient descent."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_nonnegative, descent, zeros


@dataclass(frozen=True)
class ASGD(Optimizer):
    """θ ← (1 − lambd·η) θ − η g, and beside it the average a of θ

    State     step t;  eta η, from lr, becomes lr / (1 + lambd·lr·t)^alpha after the step;
              mu μ, from 1, becomes 1 / max(1, t − t0) after it;
              ax a ← a + μ (θ − a), which is θ itself while μ = 1
    Decay     weight_decay θ is added to g
    Source    Polyak & Juditsky, SIAM J. Control Optim. 30 (1992); Bottou's sgd; torch.optim.ASGD
    Raises    ValueError for an option out of its range
    """

    lr: float = 1e-2
    lambd: float = 1e-4
    alpha: float = 0.75
    t0: float = 1e6
    weight_decay: float = 0
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, weight_decay=self.weight_decay)

    def start(self, param: Array) -> Memory:
        return zeros(param, "ax") | {"eta": np.float32(self.lr), "mu": np.float32(1)}

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        grad = descent(grad, param, self.maximize, self.weight_decay)
        step = memory["step"] + 1
        t = float(step)
        # The state keeps both in float32, as torch does, whatever the parameter's dtype.
        eta, mu = float(memory["eta"]), float(memory["mu"])
        new = param * (1 - self.lambd * eta) - eta * grad
        average = new.copy() if mu == 1 else memory["ax"] + (new - memory["ax"]) * mu
        return new, {
            "step": step,
            "eta": np.float32(self.lr / (1 + self.lambd * self.lr * t) ** self.alpha),
            "mu": np.float32(1 / max(1, t - self.t0)),
            "ax": average,
        }
