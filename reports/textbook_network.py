"""The article's 2-3-1 network, its gradient computed in four ways that share no derivation.

Two inputs, three sigmoid hidden units, one linear output, no biases, E = ½ (d − y)².
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import reference  # noqa: F401  (registers the twins)
from manual.layer import Array
from manual.layers.activation_sigmoid import Sigmoid
from manual.layers.linear import Linear
from manual.losses.regression import SquaredError
from manual.net import Net, Step
from manual.optimizer import State
from manual.optimizers.sgd import SGD
from reference.twin import twin

INPUTS, HIDDEN = range(2), range(3)

# One pattern, a start and a learning rate, chosen so that the numbers are short.
X = (0.6, -0.4)
D = 0.8
W1 = ((0.5, -0.3, 0.1), (-0.2, 0.7, 0.4))  # W1[i][j] goes from input i to hidden unit j
W2 = (0.3, -0.5, 0.2)  # W2[i] goes from hidden unit i to the output
RATE = 0.5

MODEL = Net(
    ("x", "w1", "w2"),
    (
        Step("a", Linear(), ("x", "w1")),
        Step("h", Sigmoid(), ("a",)),
        Step("y", Linear(), ("h", "w2")),
    ),
)
NET = Net(
    ("x", "w1", "w2", "d"),
    (Step("y", MODEL, ("x", "w1", "w2")), Step("E", SquaredError(), ("y", "d"))),
)
_X, _D = np.array([X]), np.array([[D]])
STEP = 2.0**-100  # of the complex step: its square is far below the last digit of 1


@dataclass(frozen=True)
class Forward:
    """Every number of a forward pass: weighted sums a, hidden activations h, output y, error E."""

    a: tuple[float, ...]
    h: tuple[float, ...]
    y: float
    error: float


def forward() -> Forward:
    """The forward pass at the start, in the article's scalar form."""
    a = tuple(sum(X[i] * W1[i][j] for i in INPUTS) for j in HIDDEN)
    h = tuple(1 / (1 + math.exp(-a[j])) for j in HIDDEN)
    y = sum(h[i] * W2[i] for i in HIDDEN)
    return Forward(a, h, y, (D - y) ** 2 / 2)


@dataclass(frozen=True)
class Outcome:
    """What one way finds: y, E, the gradient and the weights after one step.

    Shapes    w1 (3, 2) and w2 (1, 3), as torch lays weights out: w^k_ij is [j, i]
    """

    y: float
    error: float
    gradient: dict[str, Array]
    updated: dict[str, Array]

    def flat(self) -> tuple[float, ...]:
        """All its numbers in the order of `quantities`."""
        weights = [array for part in (self.gradient, self.updated) for array in part.values()]
        return (self.y, self.error, *(float(v) for w in weights for v in w.T.flat))


def quantities() -> tuple[str, ...]:
    """The names of what `Outcome.flat` holds, in TeX."""
    weights = [f"w^1_{{{i + 1}{j + 1}}}" for i in INPUTS for j in HIDDEN]
    weights += [f"w^2_{i + 1}" for i in HIDDEN]
    slopes = [rf"\partial E / \partial {w}" for w in weights]
    return ("y", "E", *slopes, *(rf"{w} + \Delta {w}" for w in weights))


def start() -> dict[str, Array]:
    """The weights at the start, in torch's layout: w1 (3, 2), w2 (1, 3)."""
    return {"w1": np.array(W1).T.copy(), "w2": np.array([W2])}


def scalar() -> Outcome:
    """The article's formulas, one weight at a time."""
    f = forward()
    gradient, updated = _like(start()), _like(start())
    for i in HIDDEN:
        slope = (D - f.y) * f.h[i]
        gradient["w2"][0, i] = -slope
        updated["w2"][0, i] = W2[i] + RATE * slope
    for j in HIDDEN:
        for i in INPUTS:
            slope = (D - f.y) * W2[j] * (f.h[j] * (1 - f.h[j])) * X[i]
            gradient["w1"][j, i] = -slope
            updated["w1"][j, i] = W1[i][j] + RATE * slope
    return Outcome(f.y, f.error, gradient, updated)


def matrix() -> Outcome:
    """The layers and the optimiser of `manual`."""
    weights = start()
    y, _ = MODEL.forward(_X, *weights.values())
    e, saved = NET.forward(_X, *weights.values(), _D)
    grads = NET.backward(saved, np.ones_like(e))
    gradient = {name: grads[name] for name in weights}
    updated, _ = SGD(lr=RATE).step(weights, gradient, {})
    return Outcome(y.item(), e.item(), gradient, updated)


def autograd() -> Outcome:
    """PyTorch: the network's twin, differentiated by autograd, and torch.optim.SGD."""
    x, d = torch.from_numpy(_X), torch.from_numpy(_D)
    weights = {name: torch.from_numpy(w).requires_grad_() for name, w in start().items()}
    y = twin(MODEL, x, *weights.values())
    e = twin(NET, x, *weights.values(), d)
    gradient = torch.autograd.grad(e, list(weights.values()))
    for w, g in zip(weights.values(), gradient, strict=True):
        w.grad = g
    torch.optim.SGD(weights.values(), lr=RATE).step()
    return Outcome(
        y.item(),
        e.item(),
        {name: g.numpy() for name, g in zip(weights, gradient, strict=True)},
        {name: w.detach().numpy() for name, w in weights.items()},
    )


def complex_step() -> Outcome:
    """Im E(w + i·STEP) / STEP for one weight after another: the forward pass alone."""
    weights = start()
    gradient = _like(weights)
    for name, w in weights.items():
        for index in np.ndindex(w.shape):
            moved = w.astype(complex)
            moved[index] += 1j * STEP
            e, _ = NET.forward(_X, *(weights | {name: moved}).values(), _D)
            gradient[name][index] = e.item().imag / STEP
    y, _ = MODEL.forward(_X, *(w.astype(complex) for w in weights.values()))
    updated = {name: w - RATE * gradient[name] for name, w in weights.items()}
    return Outcome(y.item().real, e.item().real, gradient, updated)


WAYS: dict[str, Callable[[], Outcome]] = {
    "scalar form": scalar,
    "matrix form": matrix,
    "autograd": autograd,
    "complex step": complex_step,
}


def compare() -> tuple[tuple[float, ...], ...]:
    """One row per quantity: its value by each of `WAYS`, in order."""
    return tuple(zip(*(way().flat() for way in WAYS.values()), strict=True))


def ulps(values: tuple[float, ...]) -> int:
    """The greatest pairwise difference, in units in the last place of the greatest magnitude."""
    spread = max(values) - min(values)
    return round(spread / float(np.spacing(max(abs(v) for v in values))))


def train(steps: int) -> tuple[tuple[float, float], ...]:
    """(y, E) before the first and after each of `steps` updates on the one pattern, by `manual`."""
    sgd = SGD(lr=RATE)
    weights = start()
    state: State = {}
    seen = []
    for _ in range(steps + 1):
        y, _ = MODEL.forward(_X, *weights.values())
        e, saved = NET.forward(_X, *weights.values(), _D)
        seen.append((y.item(), e.item()))
        grads = NET.backward(saved, np.ones_like(e))
        weights, state = sgd.step(weights, {name: grads[name] for name in weights}, state)
    return tuple(seen)


def _like(weights: dict[str, Array]) -> dict[str, Array]:
    return {name: np.empty_like(w) for name, w in weights.items()}
