"""Gradient descent on one weight and on two, walked by the layers and the optimiser of `manual`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manual.layer import Array, Saved
from manual.layers.linear import Linear
from manual.losses.regression import SquaredError
from manual.net import Net, Step
from manual.optimizer import State
from manual.optimizers.sgd import SGD

# A neuron without activation under the article's error: E = ½ Σ (d − w·x)².
NEURON = Net(
    ("x", "w", "d"),
    (Step("y", Linear(), ("x", "w")), Step("E", SquaredError(), ("y", "d"))),
)


@dataclass(frozen=True)
class Problem:
    """What the neuron is to learn: x (patterns, inputs), d (patterns,), at the learning rate."""

    x: tuple[tuple[float, ...], ...]
    d: tuple[float, ...]
    rate: float

    def error(self, w: Array) -> float:
        """E at the weights w (inputs,)."""
        return float(self._forward(w)[0])

    def gradient(self, w: Array) -> Array:
        """∂E/∂w (inputs,)."""
        e, saved = self._forward(w)
        return np.asarray(NEURON.backward(saved, np.ones_like(e))["w"][0])

    def minimum(self) -> Array:
        """The weights of least error."""
        return np.asarray(np.linalg.lstsq(np.array(self.x), np.array(self.d))[0])

    def contour(self, level: float, points: int = 120) -> Array:
        """Two weights (points, 2) around the minimum where E is `level`.

        E is quadratic, E(w* + z) = E(w*) + ½ |Lᵀz|² with LLᵀ = xᵀx, so Lᵀz goes round a circle.
        """
        x = np.array(self.x)
        centre = self.minimum()
        angle = np.linspace(0, 2 * np.pi, points)
        radius = np.sqrt(2 * (level - self.error(centre)))
        circle = radius * np.stack([np.cos(angle), np.sin(angle)])
        return np.asarray(centre + np.linalg.solve(np.linalg.cholesky(x.T @ x).T, circle).T)

    def _forward(self, w: Array) -> tuple[Array, Saved]:
        e, saved = NEURON.forward(np.array(self.x), w[None, :], np.array(self.d)[:, None])
        return np.asarray(e), saved


@dataclass(frozen=True)
class Visit:
    """One place on a walk: the weights, their error, its gradient and the step taken from there."""

    w: Array
    error: float
    gradient: Array
    step: Array


def walk(problem: Problem, start: tuple[float, ...], steps: int) -> tuple[Visit, ...]:
    """`steps` steps of plain gradient descent from `start`: steps + 1 visits."""
    sgd = SGD(lr=problem.rate)
    w = np.array(start)
    state: State = {}
    visits = []
    for _ in range(steps + 1):
        gradient = problem.gradient(w)
        after, state = sgd.step({"w": w}, {"w": gradient}, state)
        visits.append(Visit(w, problem.error(w), gradient, -problem.rate * gradient))
        w = after["w"]
    return tuple(visits)


ONE_WEIGHT = Problem(x=((2.0,),), d=(3.0,), rate=0.1)
POINT_A, POINT_B = (-0.5,), (3.1,)
TWO_WEIGHTS = Problem(x=((1.2, 0.4), (-0.3, 0.7)), d=(1.4, 0.05), rate=0.35)
START = (-0.5, -0.6)
