"""Elman's networks: with tanh, with two layers of ReLU, and fed with their own output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from gradproof import choice, real, spec
from tests.outsiders.common import SIZES, STEPS, bugs, cases, twin


@dataclass(frozen=True)
class RNNTanh:
    """h = tanh(x Wᵀ + b + h Uᵀ + b2): torch.rnn_tanh."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "w": "param", "u": "param"}
        return kinds | {"b": "param", "b2": "param"}

    def forward(self, x, h, w, u, b, b2):
        hs = [h]
        for now in x:
            hs.append(np.tanh(now @ w.T + b + hs[-1] @ u.T + b2))
        return (np.stack(hs[1:]), hs[-1]), (x, w, u, np.stack(hs))

    def backward(self, saved, dy):
        x, w, u, hs = saved
        dhs, dh = dy
        das = np.empty_like(hs[1:])
        for t in reversed(range(len(x))):
            after = hs[t + 1]
            das[t] = (dh + dhs[t]) * (1 - after * after)
            dh = das[t] @ u
        db = das.sum(axis=(0, 1))
        dw = np.tensordot(das, x, axes=([0, 1], [0, 1]))
        du = np.tensordot(das, hs[:-1], axes=([0, 1], [0, 1]))
        return {"x": das @ w, "h": dh, "w": dw, "u": du, "b": db, "b2": db.copy()}


@cases(RNNTanh, rank=(3, 3), empty=False)
def rnn_tanh(draw, x):
    t, n, d = min(x[0], STEPS), x[1], x[2]
    k = draw(SIZES)
    weights = {"w": real(k, d), "u": real(k, k), "b": real(k), "b2": real(k)}
    return spec(RNNTanh(), x=real(t, n, d), h=real(n, k), **weights)


@twin.register
def _(layer: RNNTanh, x, h, *weights):
    y, h = torch._VF.rnn_tanh(x, h[None], weights, True, 1, 0.0, False, False, False)
    return y, h[0]


@dataclass(frozen=True)
class RNNReLU:
    """Two layers of h = relu(x Wᵀ + h Uᵀ), the second on the outputs of the first."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "w": "param", "u": "param"}
        return kinds | {"w2": "param", "u2": "param"}

    def forward(self, x, h, w, u, w2, u2):
        below, above = [h[0]], [h[1]]
        for now in x:
            below.append(np.maximum(now @ w.T + below[-1] @ u.T, 0))
            above.append(np.maximum(below[-1] @ w2.T + above[-1] @ u2.T, 0))
        last = np.stack([below[-1], above[-1]])
        saved = x, w, u, w2, u2, np.stack(below), np.stack(above)
        return (np.stack(above[1:]), last), saved

    def backward(self, saved, dy):
        x, w, u, w2, u2, below, above = saved
        dhs, (dbelow, dabove) = dy
        dxs = np.empty_like(x)
        dw, du, dw2, du2 = (np.zeros_like(a) for a in (w, u, w2, u2))
        for t in reversed(range(len(x))):
            da2 = (dabove + dhs[t]) * (above[t + 1] > 0)
            da = (dbelow + da2 @ w2) * (below[t + 1] > 0)
            dw2 += da2.T @ below[t + 1]
            du2 += da2.T @ above[t]
            dw += da.T @ x[t]
            du += da.T @ below[t]
            dabove, dbelow = da2 @ u2, da @ u
            dxs[t] = da @ w
        dh = np.stack([dbelow, dabove])
        return {"x": dxs, "h": dh, "w": dw, "u": du, "w2": dw2, "u2": du2}


@cases(RNNReLU, rank=(3, 3), empty=False)
def rnn_relu(draw, x):
    t, n, d = min(x[0], STEPS), x[1], x[2]
    k = draw(SIZES)
    weights = {"w": real(k, d), "u": real(k, k), "w2": real(k, k), "u2": real(k, k)}
    return spec(RNNReLU(), x=real(t, n, d), h=real(2, n, k), **weights)


@twin.register
def _(layer: RNNReLU, x, h, *weights):
    return torch._VF.rnn_relu(x, h, weights, False, 2, 0.0, False, False, False)


@dataclass(frozen=True)
class TeacherForcedElman:
    """h = tanh(i Wᵀ + h Uᵀ + b), o = h Vᵀ; the next input i is x where forced, else the last o."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "forced": "buffer", "h": "real", "w": "param", "u": "param"}
        return kinds | {"b": "param", "v": "param"}

    def forward(self, x, forced, h, w, u, b, v):
        hs, inputs, outputs = [h], [], []
        for t in range(len(x)):
            inputs.append(np.where(forced[t] > 0, x[t], outputs[-1]) if t else x[0])
            hs.append(np.tanh(inputs[t] @ w.T + hs[t] @ u.T + b))
            outputs.append(hs[-1] @ v.T)
        saved = forced, w, u, v, np.stack(hs), np.stack(inputs)
        return np.stack(outputs), saved

    def backward(self, saved, dy):
        forced, w, u, v, hs, inputs = saved
        dx, dw, du, dv = (np.zeros_like(a) for a in (inputs, w, u, v))
        db, dh, fed = np.zeros_like(w[:, 0]), np.zeros_like(hs[0]), np.zeros_like(dy[0])
        for t in reversed(range(len(dy))):
            do = dy[t] + fed
            dv += do.T @ hs[t + 1]
            da = (dh + do @ v) * (1 - hs[t + 1] * hs[t + 1])
            dw += da.T @ inputs[t]
            du += da.T @ hs[t]
            db += da.sum(axis=0)
            dh = da @ u
            di = da @ w
            own = (forced[t] > 0) | (t == 0)
            dx[t] = np.where(own, di, 0)
            fed = np.where(own, 0, di)
        return {"x": dx, "h": dh, "w": dw, "u": du, "b": db, "v": dv}


@cases(TeacherForcedElman, rank=(3, 3), empty=False)
def teacher_forced_elman(draw, x):
    t, n, d = min(x[0], STEPS), x[1], x[2]
    k = draw(SIZES)
    weights = {"w": real(k, d), "u": real(k, k), "b": real(k), "v": real(d, k)}
    forced = choice((0.0, 1.0), t, n, 1)
    return spec(TeacherForcedElman(), x=real(t, n, d), forced=forced, h=real(n, k), **weights)


@twin.register
def _(layer: TeacherForcedElman, x, forced, h, w, u, b, v):
    outputs: list[Any] = []
    for t in range(len(x)):
        now = torch.where(forced[t] > 0, x[t], outputs[-1]) if t else x[0]
        h = torch.tanh(F.linear(now, w, b) + F.linear(h, u))
        outputs.append(F.linear(h, v))
    return torch.stack(outputs)


BUGS = bugs(__name__, {
    "RNNTanh.backward": [
        ("square", "(1 - after * after)", "(1 - after)",
         "x h b b2 w u", "the derivative of tanh is 1 − tanh², and the square is forgotten"),
        ("saved", "after = hs[t + 1]", "after = hs[t]",
         "x h b b2 w u", "the state before the step was saved in place of the one after it"),
        ("truncated", "(dh + dhs[t])", "dhs[t]", "x h b b2 w u", "nothing flows back through time"),
        ("shift", "das, hs[:-1]", "das, hs[1:]",
         "u", "the recurrent weight's input is the state before the step"),
        ("bias", "das.sum(axis=(0, 1))", "das[-1].sum(axis=0)",
         "b b2", "the bias has the gradient of the last step alone"),
    ],
    "RNNReLU.backward": [
        ("below", "(dbelow + da2 @ w2)", "(da2 @ w2)",
         "x h w u", "the lower layer has no gradient from its own next step"),
        ("shift", "da2.T @ above[t]", "da2.T @ above[t + 1]",
         "u2", "the recurrent weight's input is the state before the step"),
        ("mask", "(above[t + 1] > 0)", "(above[t] > 0)",
         "x h w u w2 u2", "the mask of the previous state"),
        ("one-step", "dw2 += da2.T", "dw2 = da2.T",
         "w2", "the weight's gradient is that of one step: = for +="),
        ("copied", "da2 @ u2, da @ u", "da2 @ u2, da @ u2",
         "x h w u", "a copied line: the upper layer's weight in the lower layer"),
    ],
    "TeacherForcedElman.backward": [
        ("feedback", "do = dy[t] + fed", "do = dy[t]",
         "x h b w u v", "the outputs that were fed back are taken for constants"),
        ("forced-input", "dx[t] = np.where(own, di, 0)", "dx[t] = di",
         "x", "x has a gradient also where it was not used"),
        ("first-step", "own = (forced[t] > 0) | (t == 0)", "own = forced[t] > 0",
         "x", "the first input is always x, whatever the mask says"),
        ("output-weight", "dv += do.T", "dv += dy[t].T",
         "v", "the output weight has the direct cotangent alone"),
        ("truncated", "(dh + do @ v)", "(do @ v)",
         "x h b w u v", "nothing flows back through the hidden state"),
    ],
})  # fmt: skip
