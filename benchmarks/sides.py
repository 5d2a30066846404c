"""One training step (forward, backward, plain SGD) of the same network, written four ways.

Every side has `step`, which moves its own copy of the parameters, and `params`, to look at them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.dense import LEARNING_RATE, Dense
from manual.layer import Array
from manual.optimizers.sgd import SGD


class Side(Protocol):
    """What is timed."""

    def step(self) -> None: ...


class Manual:
    """`Net` and the hand-written SGD."""

    def __init__(self, dense: Dense, dtype: type[np.floating[Any]]) -> None:
        self.params = dense.params(dtype)
        self._net, self._optimizer, self._state = dense.net, SGD(lr=LEARNING_RATE), {}
        self._x, self._target = dense.data(dtype)
        self._one = np.ones((), dtype)

    def step(self) -> None:
        _, saved = self._net.forward(self._x, *self.params.values(), self._target)
        grads = self._net.backward(saved, self._one)
        self.params, self._state = self._optimizer.step(self.params, grads, self._state)


class Modules:
    """torch as most people write it: `nn` modules and `torch.optim.SGD`."""

    def __init__(self, dense: Dense, dtype: type[np.floating[Any]]) -> None:
        self._x, self._target = map(torch.from_numpy, dense.data(dtype))
        layers: list[nn.Module] = []
        for wide, out in pairwise(dense.widths):
            layers.append(nn.Linear(wide, out, dtype=self._x.dtype))
            layers.append(nn.ReLU() if dense.classifies else nn.Sigmoid())
        self._model = nn.Sequential(*layers[:-1])
        self._loss = nn.CrossEntropyLoss() if dense.classifies else nn.MSELoss(reduction="sum")
        self._halved = not dense.classifies
        names = zip(dense.params(dtype).items(), self._model.parameters(), strict=True)
        self.params = {name: param for (name, _), param in names}
        with torch.no_grad():
            for name, value in dense.params(dtype).items():
                self.params[name].copy_(torch.from_numpy(value))
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=LEARNING_RATE)

    def step(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(self._model(self._x), self._target)
        if self._halved:
            loss = 0.5 * loss
        loss.backward()
        self._optimizer.step()


class Functional:
    """torch at its leanest: functions, `autograd.grad`, and an update in place."""

    def __init__(self, dense: Dense, dtype: type[np.floating[Any]]) -> None:
        self._x, self._target = map(torch.from_numpy, dense.data(dtype))
        start = dense.params(dtype).items()
        self.params = {name: torch.from_numpy(p).requires_grad_() for name, p in start}
        leaves = list(self.params.values())
        self._leaves, self._pairs = leaves, list(zip(leaves[::2], leaves[1::2], strict=True))
        self._activation = F.relu if dense.classifies else torch.sigmoid
        self._loss = F.cross_entropy if dense.classifies else _squared_error

    def step(self) -> None:
        h = self._x
        for weight, bias in self._pairs[:-1]:
            h = self._activation(F.linear(h, weight, bias))
        loss = self._loss(F.linear(h, *self._pairs[-1]), self._target)
        grads = torch.autograd.grad(loss, self._leaves)
        with torch.no_grad():
            for param, grad in zip(self._leaves, grads, strict=True):
                param.sub_(grad, alpha=LEARNING_RATE)


class Products:
    """The bare matrix products of `Manual`, on arrays of the same shapes and layouts."""

    def __init__(self, dense: Dense, dtype: type[np.floating[Any]]) -> None:
        self.weights = [p for p in dense.params(dtype).values() if p.ndim == 2]
        rng = np.random.default_rng(2)
        shapes = [(dense.batch, width) for width in dense.widths]
        self._values: list[Array] = [rng.standard_normal(s).astype(dtype) for s in shapes]

    def step(self) -> None:
        values, weights = self._values, self.weights
        for x, weight in zip(values, weights, strict=False):
            np.matmul(x, weight.T)
        for i in reversed(range(len(weights))):
            np.matmul(values[i + 1].T, values[i])
            if i:  # the data needs no gradient, on any side
                np.matmul(values[i + 1], weights[i])


def _squared_error(y: Tensor, target: Tensor) -> Tensor:
    return 0.5 * F.mse_loss(y, target, reduction="sum")


SIDES = {"manual": Manual, "nn": Modules, "functional": Functional, "matmul": Products}
