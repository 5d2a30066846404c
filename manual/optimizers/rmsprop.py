"""Gradient descent divided by a running root mean square."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from manual.layer import Array
from manual.optimizer import Memory, Optimizer, check_nonnegative, descent, zeros
from manual.optimizers.averages import lerp, mean_square


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """θ ← θ − lr·g / (√v + eps);  with momentum b ← μ b + g / (√v + eps) takes the quotient's place

    State     step;  square_avg v ← α v + (1 − α) g²;
              centered: grad_avg ḡ ← α ḡ + (1 − α) g, and v − ḡ² takes v's place in the root;
              with momentum momentum_buffer b, from 0
    Decay     weight_decay θ is added to g
    Source    Hinton, Neural Networks for Machine Learning, lecture 6e; Graves, arXiv:1308.0850
              (centered); torch.optim.RMSprop
    Raises    ValueError for an option out of its range
    """

    lr: float = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0
    momentum: float = 0
    centered: bool = False
    _: KW_ONLY
    maximize: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonnegative(lr=self.lr, alpha=self.alpha, eps=self.eps)
        check_nonnegative(weight_decay=self.weight_decay, momentum=self.momentum)

    def start(self, param: Array) -> Memory:
        memory = zeros(param, "square_avg")
        if self.centered:
            memory |= zeros(param, "grad_avg")
        if self.momentum > 0:
            memory |= zeros(param, "momentum_buffer")
        return memory

    def update(self, param: Array, grad: Array, memory: Memory) -> tuple[Array, Memory]:
        grad = descent(grad, param, self.maximize, self.weight_decay)
        v = mean_square(memory["square_avg"], grad, self.alpha)
        new = {"step": memory["step"] + 1, "square_avg": v}
        if self.centered:
            mean = lerp(memory["grad_avg"], grad, 1 - self.alpha)
            v = v - mean * mean
            new["grad_avg"] = mean
        root = np.sqrt(v)
        root += self.eps
        if self.momentum > 0:
            buf = memory["momentum_buffer"] * self.momentum + grad / root
            new["momentum_buffer"] = buf
            return param - self.lr * buf, new
        return param - self.lr * grad / root, new
