"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_nonnegative, descent


@dataclass(frozen=True)
class SGD(Optimizer):
    """θ ← θ − lr·g;  with momentum b ← μ b + (1 − dampening) g takes g's place

    State     momentum_buffer b, which starts as the first gradient; none without momentum
    Nesterov  g + μ b takes g's place
    Source    the seed article, Δw = −α ∂E/∂w; torch.optim.SGD for the options
    Raises    ValueError for an option out of its range
    """

    lr: float = 1e-3
    momentum: float = 0
    dampening: float = 0
    weight_decay: float = 0
    nesterov: bool = False
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        if self.maximize or self.weight_decay:
            grad = descent(grad, param, self.maximize, self.weight_decay)
        if self.momentum != 0:
            if memory:
                buf = memory["momentum_buffer"] * self.momentum + grad * (1 - self.dampening)
            else:
                buf = grad.copy()
            grad = grad + self.momentum * buf if self.nesterov else buf
            memory = {"momentum_buffer": buf}
        new = grad * -self.lr
        new += param
        return new, memory
