"""LSTMs: whole, with a projection, in both directions, and one step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import SIZES, STEPS, bugs, cases, sigmoid, twin


def lstm_step(x, h, c, w, u, b):
    """One step; the gates stand in torch's order: input, forget, cell, output."""
    i, f, g, o = np.split(x @ w.T + h @ u.T + b, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    new = f * c + i * g
    squashed = np.tanh(new)
    return o * squashed, new, (x, h, c, i, f, g, o, squashed)


def lstm_run(x, h, c, w, u, b):
    """All steps of x (steps, N, D)."""
    hs, steps = [], []
    for now in x:
        h, c, saved = lstm_step(now, h, c, w, u, b)
        hs.append(h)
        steps.append(saved)
    return np.stack(hs), h, c, (w, u, tuple(steps))


def lstm_step_back(saved, dh, dc):
    """The gradients of the four gates' arguments, side by side, and of the old cell."""
    _, _, c, i, f, g, o, squashed = saved
    dc = dc + dh * o * (1 - squashed * squashed)
    di = dc * g * i * (1 - i)
    df = dc * c * f * (1 - f)
    dg = dc * i * (1 - g * g)
    do = dh * squashed * o * (1 - o)
    return np.concatenate([di, df, dg, do], axis=-1), dc * f


def lstm_run_back(saved, dhs, dh, dc):
    """The gradients of x, h, c, w, u and b."""
    w, u, steps = saved
    dxs, dw, du, db = [], np.zeros_like(w), np.zeros_like(u), np.zeros_like(w[:, 0])
    for t in reversed(range(len(steps))):
        x, h = steps[t][:2]
        da, dc = lstm_step_back(steps[t], dh + dhs[t], dc)
        dxs.append(da @ w)
        dh = da @ u
        dw += da.T @ x
        du += da.T @ h
        db += da.sum(axis=0)
    return np.stack(dxs[::-1]), dh, dc, dw, du, db


def given(d, like):
    """The cotangent d, or zeros if there is none."""
    return np.zeros_like(like) if d is None else d


@dataclass(frozen=True)
class LSTM:
    """c = σ(f) c + σ(i) tanh(g), h = σ(o) tanh(c), where (i, f, g, o) = x Wᵀ + h Uᵀ + b + b2."""

    bias: bool = True
    batch_first: bool = True

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "c": "real", "w": "param", "u": "param"}
        return kinds | ({"b": "param", "b2": "param"} if self.bias else {})

    def forward(self, x, h, c, w, u, b=None, b2=None):
        x = x.swapaxes(0, 1) if self.batch_first else x
        hs, h, c, saved = lstm_run(x, h, c, w, u, b + b2 if self.bias else 0)
        return (hs.swapaxes(0, 1) if self.batch_first else hs, h, c), (saved, hs, h, c)

    def backward(self, saved, dy):
        saved, hs, h, c = saved
        dhs, dh, dc = dy
        if self.batch_first and dhs is not None:
            dhs = dhs.swapaxes(0, 1)
        dx, dh, dc, dw, du, db = lstm_run_back(saved, given(dhs, hs), given(dh, h), given(dc, c))
        dx = dx.swapaxes(0, 1) if self.batch_first else dx
        grads = {"x": dx, "h": dh, "c": dc, "w": dw, "u": du}
        return grads | ({"b": db, "b2": db.copy()} if self.bias else {})


@cases(LSTM, rank=(3, 3), empty=False)
def lstm(draw, x):
    n, t, d = x[0], min(x[1], STEPS), x[2]
    k = draw(SIZES)
    layer = LSTM(draw(st.booleans()), draw(st.booleans()))
    biases = {"b": real(4 * k), "b2": real(4 * k)} if layer.bias else {}
    shape = (n, t, d) if layer.batch_first else (t, n, d)
    weights = {"w": real(4 * k, d), "u": real(4 * k, k)}
    return spec(layer, x=real(*shape), h=real(n, k), c=real(n, k), **weights, **biases)


@twin.register
def _(layer: LSTM, x, h, c, *weights):
    state = (h[None], c[None])
    last = layer.bias, 1, 0.0, False, False, layer.batch_first
    y, h, c = torch._VF.lstm(x, state, weights, *last)
    return y, h[0], c[0]


@dataclass(frozen=True)
class ProjectedLSTM:
    """An LSTM whose hidden state is projected: h = V (σ(o) tanh(c)); see proj_size of nn.LSTM."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "c": "real", "w": "param", "u": "param"}
        return kinds | {"b": "param", "b2": "param", "v": "param"}

    def forward(self, x, h, c, w, u, b, b2, v):
        hs, steps = [], []
        for now in x:
            wide, c, saved = lstm_step(now, h, c, w, u, b + b2)
            h = wide @ v.T
            hs.append(h)
            steps.append((wide, saved))
        return (np.stack(hs), h, c), (w, u, v, tuple(steps))

    def backward(self, saved, dy):
        w, u, v, steps = saved
        dhs, dh, dc = dy
        dxs, dw, du, dv = [], np.zeros_like(w), np.zeros_like(u), np.zeros_like(v)
        db = np.zeros_like(w[:, 0])
        for t in reversed(range(len(steps))):
            wide, step = steps[t]
            dh = dh + dhs[t]
            dv += dh.T @ wide
            da, dc = lstm_step_back(step, dh @ v, dc)
            dxs.append(da @ w)
            dh = da @ u
            dw += da.T @ step[0]
            du += da.T @ step[1]
            db += da.sum(axis=0)
        grads = {"x": np.stack(dxs[::-1]), "h": dh, "c": dc, "w": dw, "u": du}
        return grads | {"b": db, "b2": db.copy(), "v": dv}


@cases(ProjectedLSTM, rank=(3, 3), empty=False)
def projected_lstm(draw, x):
    t, n, d = min(x[0], STEPS), x[1], x[2]
    p = draw(st.integers(1, 3))
    k = p + draw(st.integers(1, 2))
    weights = {"w": real(4 * k, d), "u": real(4 * k, p), "b": real(4 * k), "b2": real(4 * k)}
    state = {"h": real(n, p), "c": real(n, k)}
    return spec(ProjectedLSTM(), x=real(t, n, d), **state, **weights, v=real(p, k))


@twin.register
def _(layer: ProjectedLSTM, x, h, c, *weights):
    y, h, c = torch._VF.lstm(x, (h[None], c[None]), weights, True, 1, 0.0, False, False, False)
    return y, h[0], c[0]


@dataclass(frozen=True)
class BidirectionalLSTM:
    """Two LSTMs, the second from the last step to the first; outputs side by side, no bias."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "c": "real", "w": "param", "u": "param"}
        return kinds | {"w2": "param", "u2": "param"}

    def forward(self, x, h, c, w, u, w2, u2):
        hs, h1, c1, saved = lstm_run(x, h[0], c[0], w, u, 0)
        hs2, h2, c2, saved2 = lstm_run(x[::-1], h[1], c[1], w2, u2, 0)
        y = np.concatenate([hs, hs2[::-1]], axis=-1)
        return (y, np.stack([h1, h2]), np.stack([c1, c2])), (saved, saved2)

    def backward(self, saved, dy):
        dhs, dh, dc = dy
        left, right = np.split(dhs, 2, axis=-1)
        dx, dh1, dc1, dw, du, _ = lstm_run_back(saved[0], left, dh[0], dc[0])
        dx2, dh2, dc2, dw2, du2, _ = lstm_run_back(saved[1], right[::-1], dh[1], dc[1])
        states = {"h": np.stack([dh1, dh2]), "c": np.stack([dc1, dc2])}
        return {"x": dx + dx2[::-1], **states, "w": dw, "u": du, "w2": dw2, "u2": du2}


@cases(BidirectionalLSTM, rank=(3, 3), empty=False)
def bidirectional_lstm(draw, x):
    t, n, d = min(x[0], STEPS), x[1], x[2]
    k = draw(SIZES)
    weights = {"w": real(4 * k, d), "u": real(4 * k, k), "w2": real(4 * k, d), "u2": real(4 * k, k)}
    return spec(BidirectionalLSTM(), x=real(t, n, d), h=real(2, n, k), c=real(2, n, k), **weights)


@twin.register
def _(layer: BidirectionalLSTM, x, h, c, *weights):
    return torch._VF.lstm(x, (h, c), weights, False, 1, 0.0, False, True, False)


@dataclass(frozen=True)
class LSTMCell:
    """One step of an LSTM: torch.lstm_cell."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "c": "real", "w": "param", "u": "param"}
        return kinds | {"b": "param", "b2": "param"}

    def forward(self, x, h, c, w, u, b, b2):
        h, c, saved = lstm_step(x, h, c, w, u, b + b2)
        return (h, c), (w, u, saved)

    def backward(self, saved, dy):
        w, u, step = saved
        x, h = step[:2]
        dh, dc = dy
        da, dc = lstm_step_back(step, dh, dc)
        db = da.sum(axis=0)
        grads = {"x": da @ w, "h": da @ u, "c": dc, "w": da.T @ x, "u": da.T @ h}
        return grads | {"b": db, "b2": db.copy()}


@cases(LSTMCell, rank=(2, 2), empty=False)
def lstm_cell(draw, x):
    n, d = x
    k = draw(SIZES)
    weights = {"w": real(4 * k, d), "u": real(4 * k, k), "b": real(4 * k), "b2": real(4 * k)}
    return spec(LSTMCell(), x=real(n, d), h=real(n, k), c=real(n, k), **weights)


@twin.register
def _(layer: LSTMCell, x, h, c, *weights):
    return torch._VF.lstm_cell(x, (h, c), *weights)


BUGS = bugs(__name__, {
    "LSTM:lstm_step_back": [
        ("tanh-of-cell", "(1 - squashed * squashed)", "(1 - squashed)",
         "x h c b b2 w u", "the derivative of tanh is 1 − tanh², and the square is forgotten"),
        ("forget-gate", "c * f * (1 - f)", "c * f",
         "x h c b b2 w u", "the derivative of the forget gate's sigmoid is left out"),
    ],
    "LSTM:lstm_run_back": [
        ("hidden-carry", "dh + dhs[t], dc", "dhs[t], dc",
         "x h c b b2 w u", "the gradient that comes back through the next hidden state is dropped"),
        ("bias-mean", "da.sum(axis=0)", "da.mean(axis=0)",
         "b b2", "a mean over the batch where the sum belongs"),
    ],
    "LSTM.backward": [
        ("last-cell", "given(dc, c)", "np.zeros_like(c)",
         "x h c b b2 w u", "the cotangent of the last cell state is ignored"),
        ("layout", "dx = dx.swapaxes(0, 1) if self.batch_first else dx", "dx = dx.copy()",
         "x", "batch_first is forgotten on the way back"),
    ],
    "ProjectedLSTM.backward": [
        ("carry", "dh = dh + dhs[t]", "dh = dhs[t]",
         "x h c b b2 w u v", "the gradient from the next step is overwritten: = for +="),
        ("projection", "dv += dh.T @ wide", "dv += dhs[t].T @ wide",
         "v", "the projection has the direct cotangent alone, not the recurrent one"),
        ("last-step", "du += da.T", "du = da.T",
         "u", "the weight's gradient is that of one step: = for +="),
    ],
    "ProjectedLSTM:lstm_step_back": [
        ("cell-carry", "axis=-1), dc * f", "axis=-1), dc",
         "x h c b b2 w u v", "the old cell's gradient is not multiplied by the forget gate"),
    ],
    "BidirectionalLSTM.backward": [
        ("cotangent", "right[::-1]", "right",
         "x h c w2 u2", "the cotangents of the reverse direction are not reversed"),
        ("x-order", "dx + dx2[::-1]", "dx + dx2",
         "x", "the reverse direction's gradient is not turned back before it is added"),
        ("one-way", "dx + dx2[::-1]", "dx",
         "x", "x is used twice, and one of its gradients is left out"),
        ("state", "dh[1], dc[1]", "dh[0], dc[0]",
         "x h c w2 u2", "the last states of the first direction are used for both"),
        ("halves", "left, right =", "right, left =",
         "x h c w u w2 u2", "the halves of the output are exchanged"),
    ],
    "LSTMCell:lstm_step_back": [
        ("cotangent", "dc = dc + dh * o", "dc = dh * o",
         "x h c b b2 w u", "the new cell's own cotangent is overwritten by that through h"),
        ("output-gate", "dh * squashed", "dh * c",
         "x h b b2 w u", "the old cell stands where the tanh of the new one belongs"),
        ("candidate", "i * (1 - g * g)", "i * g * (1 - g)",
         "x h b b2 w u", "the candidate is a tanh, and has the derivative of a sigmoid"),
        ("order", "[di, df, dg, do]", "[di, df, do, dg]",
         "x h b b2 w u", "the gates in the order i, f, o, g of another library"),
    ],
})  # fmt: skip
