"""The networks that are timed: dense layers with their loss, and a batch for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from manual.init import initial
from manual.layer import Array
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Sigmoid
from manual.layers.linear import Linear
from manual.losses.cross_entropy import CrossEntropyLoss
from manual.losses.regression import SquaredError
from manual.net import Net, Step

LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Dense:
    """A dense network: sigmoid units and squared error, or ReLU and softmax cross-entropy.

    goal      how many times as fast as torch's modules and optimiser the hand-written step is to be
    """

    widths: tuple[int, ...]
    classifies: bool
    batch: int
    goal: float

    @property
    def name(self) -> str:
        kind = "ReLU, cross-entropy" if self.classifies else "sigmoid, squared error"
        return f"{'-'.join(map(str, self.widths))} {kind}"

    @cached_property
    def net(self) -> Net:
        activation = ReLU() if self.classifies else Sigmoid()
        loss = CrossEntropyLoss() if self.classifies else SquaredError()
        steps, params, last = [], [], "x"
        depth = len(self.widths) - 1
        for i in range(1, depth + 1):
            here = (f"h{i}.weight", f"h{i}.bias")
            steps.append(Step(f"h{i}", Linear(), (last, *here)))
            last = f"h{i}"
            if i < depth:
                steps.append(Step(f"a{i}", activation, (last,)))
                last = f"a{i}"
            params += here
        steps.append(Step("loss", loss, (last, "target")))
        return Net(("x", *params, "target"), tuple(steps), constants=("x", "target"))

    def params(self, dtype: type[np.floating[Any]]) -> dict[str, Array]:
        """Initial values, torch's defaults, in the order of the network's inputs."""
        shapes: dict[str, tuple[int, ...]] = {}
        for i, (wide, out) in enumerate(pairwise(self.widths), 1):
            shapes |= {f"h{i}.weight": (out, wide), f"h{i}.bias": (out,)}
        drawn = initial(self.net, shapes, seed=0, dtype=dtype)
        return {name: drawn[name] for name in shapes}

    def data(self, dtype: type[np.floating[Any]]) -> tuple[Array, Array]:
        """A batch: x, and classes or real numbers to aim at."""
        rng = np.random.default_rng(1)
        x = rng.standard_normal((self.batch, self.widths[0])).astype(dtype)
        out = self.widths[-1]
        if self.classifies:
            return x, rng.integers(0, out, self.batch)
        return x, rng.standard_normal((self.batch, out)).astype(dtype)


NETWORKS = (
    Dense((2, 3, 1), False, batch=4, goal=8.0),
    Dense((64, 128, 10), True, batch=32, goal=3.0),
    Dense((784, 256, 128, 10), True, batch=64, goal=1.2),
    Dense((1024, 1024, 1024, 10), True, batch=256, goal=1.0),
)
