"""GRUs: whole, in both directions over padded sequences, one step, and the minimal one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from gradproof import index, real, spec
from tests.outsiders.common import SIZES, STEPS, bugs, cases, sigmoid, twin


def gru_step(x, h, w, u, b, b2):
    """One step; the gates stand in torch's order: reset, update, new."""
    xr, xz, xn = np.split(x @ w.T + b, 3, axis=-1)
    hr, hz, hn = np.split(h @ u.T + b2, 3, axis=-1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return n + z * (h - n), (x, h, r, z, n, hn)


def gru_step_back(saved, u, dh):
    """The gradients of x Wᵀ + b, of h Uᵀ + b2 and of h."""
    _, h, r, z, n, hn = saved
    dn = dh * (1 - z) * (1 - n * n)
    dz = dh * (h - n) * z * (1 - z)
    dr = dn * hn * r * (1 - r)
    da = np.concatenate([dr, dz, dn], axis=-1)
    db = np.concatenate([dr, dz, dn * r], axis=-1)
    return da, db, dh * z + db @ u


@dataclass(frozen=True)
class GRU:
    """h = (1 − z) n + z h, n = tanh(x Wₙᵀ + b + r (h Uₙᵀ + b2)), r and z sigmoids."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "w": "param", "u": "param"}
        return kinds | {"b": "param", "b2": "param"}

    def forward(self, x, h, w, u, b, b2):
        hs, steps = [], []
        for now in x:
            h, saved = gru_step(now, h, w, u, b, b2)
            hs.append(h)
            steps.append(saved)
        return (np.stack(hs), h), (w, u, tuple(steps))

    def backward(self, saved, dy):
        w, u, steps = saved
        dhs, dh = dy
        dxs, dw, du = [], np.zeros_like(w), np.zeros_like(u)
        db, db2 = np.zeros_like(w[:, 0]), np.zeros_like(w[:, 0])
        for t in reversed(range(len(steps))):
            da, da2, dh = gru_step_back(steps[t], u, dh + dhs[t])
            dxs.append(da @ w)
            dw += da.T @ steps[t][0]
            du += da2.T @ steps[t][1]
            db += da.sum(axis=0)
            db2 += da2.sum(axis=0)
        return {"x": np.stack(dxs[::-1]), "h": dh, "w": dw, "u": du, "b": db, "b2": db2}


@cases(GRU, rank=(3, 3), empty=False)
def gru(draw, x):
    t, n, d = min(x[0], STEPS), x[1], x[2]
    k = draw(SIZES)
    weights = {"w": real(3 * k, d), "u": real(3 * k, k), "b": real(3 * k), "b2": real(3 * k)}
    return spec(GRU(), x=real(t, n, d), h=real(n, k), **weights)


@twin.register
def _(layer: GRU, x, h, *weights):
    y, h = torch._VF.gru(x, h[None], weights, True, 1, 0.0, False, False, False)
    return y, h[0]


def masked_run(x, h, w, u, inside):
    """The steps of a GRU without bias; outside of its sequence the state stays, the output is 0."""
    hs, steps = [], []
    for now, kept in zip(x, inside, strict=True):
        new, saved = gru_step(now, h, w, u, 0, 0)
        h = np.where(kept, new, h)
        hs.append(np.where(kept, new, np.zeros_like(new)))
        steps.append(saved)
    return np.stack(hs), h, (w, u, inside, tuple(steps))


def masked_run_back(saved, dhs, dh):
    """The gradients of x, h, w and u."""
    w, u, inside, steps = saved
    dxs, dw, du = [], np.zeros_like(w), np.zeros_like(u)
    for t in reversed(range(len(steps))):
        into = np.where(inside[t], dh + dhs[t], 0)
        da, da2, back = gru_step_back(steps[t], u, into)
        dh = np.where(inside[t], back, dh)
        dxs.append(da @ w)
        dw += da.T @ steps[t][0]
        du += da2.T @ steps[t][1]
    return np.stack(dxs[::-1]), dh, dw, du


@dataclass(frozen=True)
class MaskedBidirectionalGRU:
    """A GRU in both directions over sequences of different lengths: torch's packed sequences."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "lengths": "index", "h": "real", "w": "param", "u": "param"}
        return kinds | {"w2": "param", "u2": "param"}

    def forward(self, x, lengths, h, w, u, w2, u2):
        inside = (np.arange(len(x))[:, None] < lengths)[..., None]
        hs, h1, saved = masked_run(x, h[0], w, u, inside)
        hs2, h2, saved2 = masked_run(x[::-1], h[1], w2, u2, inside[::-1])
        y = np.concatenate([hs, hs2[::-1]], axis=-1)
        return (y, np.stack([h1, h2])), (saved, saved2)

    def backward(self, saved, dy):
        dhs, dh = dy
        left, right = np.split(dhs, 2, axis=-1)
        dx, dh1, dw, du = masked_run_back(saved[0], left, dh[0])
        dx2, dh2, dw2, du2 = masked_run_back(saved[1], right[::-1], dh[1])
        dh = np.stack([dh1, dh2])
        return {"x": dx + dx2[::-1], "h": dh, "w": dw, "u": du, "w2": dw2, "u2": du2}


@cases(MaskedBidirectionalGRU, rank=(3, 3), empty=False)
def masked_bidirectional_gru(draw, x):
    t, n, d = min(x[0], STEPS), x[1], x[2]
    k = draw(SIZES)
    lengths = index(t + 1, n, low=1)
    weights = {"w": real(3 * k, d), "u": real(3 * k, k), "w2": real(3 * k, d), "u2": real(3 * k, k)}
    layer = MaskedBidirectionalGRU()
    return spec(layer, x=real(t, n, d), lengths=lengths, h=real(2, n, k), **weights)


@twin.register
def _(layer: MaskedBidirectionalGRU, x, lengths, h, *weights):
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    h = h.index_select(1, packed.sorted_indices)
    sizes = packed.batch_sizes
    data, h = torch._VF.gru(packed.data, sizes, h, weights, False, 1, 0.0, False, True)
    y, _ = pad_packed_sequence(packed._replace(data=data), total_length=x.shape[0])
    return y, h.index_select(1, packed.unsorted_indices)


@dataclass(frozen=True)
class GRUCell:
    """One step of a GRU: torch.gru_cell."""

    def argument_kinds(self, count):
        kinds = {"x": "real", "h": "real", "w": "param", "u": "param"}
        return kinds | {"b": "param", "b2": "param"}

    def forward(self, x, h, w, u, b, b2):
        h, saved = gru_step(x, h, w, u, b, b2)
        return h, (w, u, saved)

    def backward(self, saved, dy):
        w, u, step = saved
        da, db, dh = gru_step_back(step, u, dy)
        grads = {"x": da @ w, "h": dh, "w": da.T @ step[0], "u": db.T @ step[1]}
        return grads | {"b": da.sum(axis=0), "b2": db.sum(axis=0)}


@cases(GRUCell, rank=(2, 2), empty=False)
def gru_cell(draw, x):
    n, d = x
    k = draw(SIZES)
    weights = {"w": real(3 * k, d), "u": real(3 * k, k), "b": real(3 * k), "b2": real(3 * k)}
    return spec(GRUCell(), x=real(n, d), h=real(n, k), **weights)


@twin.register
def _(layer: GRUCell, *tensors):
    return torch._VF.gru_cell(*tensors)


@dataclass(frozen=True)
class MinGRU:
    """h = (1 − z) h + z g(v), z = σ(x Wᵀ), v = x Vᵀ, g(v) = v + ½ from 0 up, else σ(v)."""

    def argument_kinds(self, count):
        return {"x": "real", "h": "real", "w": "param", "v": "param"}

    def forward(self, x, h, w, v):
        k, value = x @ w.T, x @ v.T
        z, keep = sigmoid(k), sigmoid(-k)  # 1 − z, without cancellation
        g = np.where(value >= 0, value + 0.5, sigmoid(value))
        hs = [h]
        for t in range(x.shape[1]):
            hs.append(keep[:, t] * hs[t] + z[:, t] * g[:, t])
        slope = np.where(value >= 0, np.ones_like(g), g * (1 - g))
        return np.stack(hs[1:], axis=1), (x, w, v, z, keep, g, slope, np.stack(hs, axis=1))

    def backward(self, saved, dy):
        x, w, v, z, keep, g, slope, hs = saved
        dh = dy.copy()
        for t in range(dy.shape[1] - 2, -1, -1):
            dh[:, t] += keep[:, t + 1] * dh[:, t + 1]
        dk = dh * (g - hs[:, :-1]) * z * keep
        dvalue = dh * z * slope
        dw = np.tensordot(dk, x, axes=([0, 1], [0, 1]))
        dv = np.tensordot(dvalue, x, axes=([0, 1], [0, 1]))
        return {"x": dk @ w + dvalue @ v, "h": keep[:, 0] * dh[:, 0], "w": dw, "v": dv}


@cases(MinGRU, rank=(3, 3), empty=False)
def min_gru(draw, x):
    n, t, d = x[0], min(x[1], STEPS), x[2]
    k = draw(SIZES)
    return spec(MinGRU(), x=real(n, t, d), h=real(n, k), w=real(k, d), v=real(k, d))


@twin.register
def _(layer: MinGRU, x, h, w, v):
    z, value = torch.sigmoid(F.linear(x, w)), F.linear(x, v)
    g = torch.where(value >= 0, value + 0.5, torch.sigmoid(value))
    hs = []
    for t in range(x.shape[1]):
        h = torch.lerp(h, g[:, t], z[:, t])
        hs.append(h)
    return torch.stack(hs, 1)


BUGS = bugs(__name__, {
    "GRU:gru_step_back": [
        ("reset-gate", "dz, dn * r]", "dz, dn]",
         "x h b b2 w u", "the reset gate acts after the product with U, and is left out there"),
        ("update-sign", "(h - n)", "(n - h)",
         "x h b b2 w u", "the update gate's derivative for the other convention, z n + (1 − z) h"),
        ("through-gates", "dh * z + db @ u", "dh * z",
         "x h b b2 w u", "the old state's gradient through the gates is left out"),
        ("reset-argument", "dn * hn *", "dn * h *",
         "x h b b2 w u", "the reset gate multiplies h Uᵀ + b2, and h was taken"),
    ],
    "GRU.backward": [
        ("second-bias", "db2 += da2", "db2 += da",
         "b2", "both biases have the same gradient, as in an LSTM"),
    ],
    "MaskedBidirectionalGRU:masked_run_back": [
        ("no-mask", "np.where(inside[t], dh + dhs[t], 0)", "dh + dhs[t]",
         "x w u w2 u2", "the mask is not applied on the way back"),
        ("padding-state", "np.where(inside[t], back, dh)", "back",
         "x h w u", "the state is copied over padding, but its gradient is not"),
        ("padding-output", "dh + dhs[t], 0)", "dh + dhs[t], dhs[t])",
         "x w u w2 u2", "the mask is applied to the state but not to the output"),
    ],
    "MaskedBidirectionalGRU.backward": [
        ("reversed", "right[::-1]", "right",
         "x h w2 u2", "the cotangents of the reverse direction are not reversed"),
        ("x-order", "dx + dx2[::-1]", "dx + dx2",
         "x", "the reverse direction's gradient is not turned back before it is added"),
    ],
    "GRUCell:gru_step_back": [
        ("update", "dh * (1 - z) *", "dh * z *",
         "x h b b2 w u", "the candidate is weighted with z instead of 1 − z"),
        ("sigmoid", "(h - n) * z * (1 - z)", "(h - n) * z",
         "x h b b2 w u", "the derivative of the update gate's sigmoid is incomplete"),
    ],
    "GRUCell.backward": [
        ("weight", '"u": db.T', '"u": da.T',
         "u", "the reset gate is left out of one weight's gradient"),
        ("bias", '"b2": db', '"b2": da', "b2", "the reset gate is left out of the second bias"),
    ],
    "MinGRU.backward": [
        ("sigmoid", "* z * keep", "* z",
         "x w", "the derivative of the gate's sigmoid is incomplete"),
        ("gate", "(g - hs[:, :-1])", "g", "x w", "the gate also stands in 1 − z"),
        ("positive", "z * slope", "z * g * (1 - g)",
         "x v", "the candidate is a sigmoid below zero only"),
        ("carry", "keep[:, t + 1] *", "z[:, t + 1] *", "x h w v", "z and 1 − z are exchanged"),
        ("one-use", "dk @ w + dvalue @ v", "dvalue @ v",
         "x", "x is used twice, and one of its gradients is left out"),
    ],
})  # fmt: skip
