"""h = a h + b step by step, and the moving average that is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import STEPS, bugs, cases, sigmoid, twin


@dataclass(frozen=True)
class LinearRecurrence:
    """hₜ = aₜ hₜ₋₁ + bₜ."""

    def argument_kinds(self, count):
        return {"a": "real", "b": "real", "h": "real"}

    def forward(self, a, b, h):
        hs = [h]
        for t in range(a.shape[1]):
            hs.append(a[:, t] * hs[t] + b[:, t])
        return np.stack(hs[1:], axis=1), (a, np.stack(hs, axis=1))

    def backward(self, saved, dy):
        a, hs = saved
        db = dy.copy()
        for t in range(a.shape[1] - 2, -1, -1):
            db[:, t] += a[:, t + 1] * db[:, t + 1]
        return {"a": db * hs[:, :-1], "b": db, "h": a[:, 0] * db[:, 0]}


@cases(LinearRecurrence, rank=(2, 3), empty=False)
def linear_recurrence(draw, x):
    x = (x[0], min(x[1], 2 * STEPS), *x[2:])
    return spec(LinearRecurrence(), a=real(*x), b=real(*x), h=real(x[0], *x[2:]))


@twin.register
def _(layer: LinearRecurrence, a, b, h):
    hs = []
    for t in range(a.shape[1]):
        h = torch.addcmul(b[:, t], a[:, t], h)
        hs.append(h)
    return torch.stack(hs, 1)


@dataclass(frozen=True)
class ExponentialMovingAverage:
    """yₜ = d yₜ₋₁ + (1 − d) xₜ, d = σ(w) per channel; adjusted: Σ dᵏ xₜ₋ₖ / Σ dᵏ, as in pandas."""

    adjust: bool = False

    def argument_kinds(self, count):
        return {"x": "real", "w": "param"}

    def forward(self, x, w):
        d, rest = sigmoid(w), sigmoid(-w)
        sums, counts = [x[:, 0]], [np.ones_like(w)]
        for t in range(1, x.shape[1]):
            sums.append(d * sums[-1] + (x[:, t] if self.adjust else rest * x[:, t]))
            counts.append(d * counts[-1] + 1 if self.adjust else counts[0])
        y, counts = np.stack(sums, axis=1) / np.stack(counts), np.stack(counts)
        return y, (x, d, rest, counts, y)

    def backward(self, saved, dy):
        x, d, rest, counts, y = saved
        dsum = dy / counts
        dcount = -(dsum * y)
        for t in range(dy.shape[1] - 2, -1, -1):
            dsum[:, t] += d * dsum[:, t + 1]
            dcount[:, t] += d * dcount[:, t + 1]
        if self.adjust:
            dx = dsum.copy()
            dd = dsum[:, 1:] * (y * counts)[:, :-1] + dcount[:, 1:] * counts[:-1]
        else:
            dx = dsum * rest
            dx[:, 0] = dsum[:, 0]
            dd = dsum[:, 1:] * (y[:, :-1] - x[:, 1:])
        return {"x": dx, "w": dd.sum(axis=(0, 1)) * d * rest}


@cases(ExponentialMovingAverage, rank=(3, 3), empty=False)
def exponential_moving_average(draw, x):
    layer = ExponentialMovingAverage(draw(st.booleans()))
    x = (x[0], min(x[1], STEPS), x[2])
    return spec(layer, x=real(*x), w=real(x[-1]))


@twin.register
def _(layer: ExponentialMovingAverage, x, w):
    d = torch.sigmoid(w)
    total, count, ys = x[:, 0], torch.ones_like(w), [x[:, 0]]
    for t in range(1, x.shape[1]):
        if layer.adjust:
            total, count = torch.addcmul(x[:, t], d, total), d * count + 1
        else:
            total = torch.lerp(x[:, t], total, d)
        ys.append(total / count)
    return torch.stack(ys, 1)


BUGS = bugs(__name__, {
    "LinearRecurrence.backward": [
        ("shift", "a[:, t + 1] *", "a[:, t] *",
         "h a b", "the factor of this step instead of the next"),
        ("state", "hs[:, :-1]", "hs[:, 1:]", "a", "the state after the step instead of before it"),
        ("start", "a[:, 0] * db[:, 0]", "db[:, 0].copy()",
         "h", "the first factor is left out of the initial state's gradient"),
        ("direct", '"a": db *', '"a": dy *', "a", "the factors have the direct cotangent alone"),
    ],
    "ExponentialMovingAverage.backward": [
        ("first", "dx[:, 0] = dsum[:, 0]", "dx[:, 0] *= 1",
         "x", "the first value is not weighted with 1 − d"),
        ("weight", "(y[:, :-1] - x[:, 1:])", "y[:, :-1]", "w", "the decay also stands in 1 − d"),
        ("sigmoid", "* d * rest", "* d",
         "w", "the derivative of the decay's sigmoid is incomplete"),
        ("counts", " + dcount[:, 1:] * counts[:-1]", "",
         "w", "the divisor is taken for a constant"),
        ("carry", "+= d * dsum", "+= rest * dsum", "x w", "d and 1 − d are exchanged"),
    ],
})  # fmt: skip
