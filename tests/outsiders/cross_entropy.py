"""Losses and probabilities from logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import index, positive, real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class SequenceCrossEntropy:
    """Label-smoothed cross entropy with class weights, classes in the last axis; torch's kernel.

    y = −Σ q log softmax(x) / Σ weight[target]; q = weight ((1 − ε) onehot(target) + ε/C), and 0
    where the target is the padding −100. Without a mean nothing is divided by.
    """

    smoothing: float = 0.1
    reduction: str = "mean"

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "target": "index", "weight": "buffer"}

    def forward(self, x: Any, target: Any, weight: Any) -> Any:
        below = x - x.real.max(axis=-1, keepdims=True)
        e = np.exp(below)
        sums = e.sum(axis=-1, keepdims=True)
        counts = (target != -100)[..., None]
        hot = target[..., None] == np.arange(x.shape[-1])
        even = self.smoothing / x.shape[-1]
        q = weight * counts * (hot.astype(x.real.dtype) * (1 - self.smoothing) + even)
        total = (weight * hot).sum() if self.reduction == "mean" else 1
        loss = -(q * (below - np.log(sums))).sum() / total
        return np.asarray(loss, x.dtype), (e / sums, q, total, counts)

    def backward(self, saved: Any, dy: Any) -> Any:
        p, q, total, counts = saved
        slope = p * q.sum(axis=-1, keepdims=True) - q
        return {"x": np.where(counts, dy / total * slope, 0)}  # 0 even if all is padding


@cases(SequenceCrossEntropy, rank=(3, 3), empty=False)
def sequence_cross_entropy(draw, x):
    smoothing = draw(st.sampled_from([0.1, 0.5, 0.0, 1.0]))
    layer = SequenceCrossEntropy(smoothing, draw(st.sampled_from(["mean", "sum"])))
    target = index(x[2], *x[:2], also=-100)
    return spec(layer, x=real(*x), target=target, weight=positive(x[2]))


@twin.register
def _(layer: SequenceCrossEntropy, x, target, weight):
    return F.cross_entropy(
        x.flatten(0, 1), target.flatten(), weight, ignore_index=-100,
        reduction=layer.reduction, label_smoothing=layer.smoothing,
    )  # fmt: skip


@dataclass(frozen=True)
class TemperatureSoftmax:
    """y = softmax(x / τ) over the last axis, with a gradient for τ; torch's softmax."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "tau": "param"}

    def forward(self, x: Any, tau: Any) -> Any:
        below = (x - x.real.max(axis=-1, keepdims=True)) / tau
        e = np.exp(below)
        y = e / e.sum(axis=-1, keepdims=True)
        return y, (y, below, tau)

    def backward(self, saved: Any, dy: Any) -> Any:
        y, below, tau = saved
        dx = y * (dy - (y * dy).sum(axis=-1, keepdims=True)) / tau
        dtau = -(dx * below).sum()  # shifting x changes nothing, as dx sums to 0 in each row
        return {"x": dx, "tau": np.asarray(dtau)}


@cases(TemperatureSoftmax, rank=(1, 3), empty=False)
def temperature_softmax(draw, x):
    return spec(TemperatureSoftmax(), x=real(*x), tau=positive())


@twin.register
def _(layer: TemperatureSoftmax, x, tau):
    return F.softmax(x / tau, dim=-1)


@dataclass(frozen=True)
class DistillationLoss:
    """y = T² KL(softmax(teacher / T) ‖ softmax(x / T)), batch mean; torch's log_target kernel."""

    temperature: float = 1.0

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "teacher": "real"}

    def forward(self, x: Any, teacher: Any) -> Any:
        logs = []
        for a in (x, teacher):
            below = (a - a.real.max(axis=-1, keepdims=True)) / self.temperature
            logs.append(below - np.log(np.exp(below).sum(axis=-1, keepdims=True)))
        log_p, log_q = logs
        rows = (np.exp(log_q) * (log_q - log_p)).sum(axis=-1, keepdims=True)
        y = self.temperature**2 * rows.sum() / len(x)
        return np.asarray(y, x.dtype), (log_p, log_q, rows)

    def backward(self, saved: Any, dy: Any) -> Any:
        log_p, log_q, rows = saved
        p, q = np.exp(log_p), np.exp(log_q)
        g = dy * self.temperature / len(p)
        return {"x": g * (p - q), "teacher": g * q * (log_q - log_p - rows)}


@cases(DistillationLoss, rank=(2, 2), empty=False)
def distillation_loss(draw, x):
    layer = DistillationLoss(draw(st.sampled_from([1.0, 2.0, 0.5, 4.0])))
    return spec(layer, x=real(*x), teacher=real(*x))


@twin.register
def _(layer: DistillationLoss, x, teacher):
    t = layer.temperature
    log_p, log_q = F.log_softmax(x / t, -1), F.log_softmax(teacher / t, -1)
    return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True) * t**2


BUGS = bugs(__name__, {
    "SequenceCrossEntropy.backward": [
        ("weights", "p * q.sum(axis=-1, keepdims=True) - q",
         "(p - q) * (q.sum(axis=-1, keepdims=True) > 0)", "x", "right if a place's q sum to 1"),
        ("mean", "dy / total", "dy / p[..., 0].size",
         "x", "the mean is over places, not over the targets' weights"),
        ("padding", "q.sum(axis=-1, keepdims=True) - q", "q.sum(axis=-1, keepdims=True).max() - q",
         "x", "padding and rare classes weigh as much as the heaviest place"),
        ("ones", "dy / total", "1 / total", "x", "the cotangent of a loss is taken as 1"),
    ],
    "TemperatureSoftmax.backward": [
        ("sign", "-(dx * below)", "(dx * below)", "tau", "the sign of 1/τ's derivative"),
        ("twice", "dtau = -(dx * below).sum()", "dtau = -(dx * below).sum() / tau",
         "tau", "saved logits are divided by τ once more"),
        ("forgotten", "(y * dy).sum(axis=-1, keepdims=True)) / tau",
         "(y * dy).sum(axis=-1, keepdims=True))", "x tau", "dx is not divided by τ"),
        ("mean", "(dx * below).sum()", "(dx * below).sum(axis=-1).mean()",
         "tau", "a mean over the rows that share τ"),
    ],
    "DistillationLoss.backward": [
        ("direction", '"x": g * (p - q)', '"x": g * (q - p)',
         "x", "the sign, or the divergence the other way round"),
        ("temperature", "dy * self.temperature / len(p)", "dy * self.temperature**2 / len(p)",
         "x teacher", "the logits' 1/T is missing"),
        ("teacher-rows", "(log_q - log_p - rows)", "(log_q - log_p + 1)",
         "teacher", "the derivative for log q, not for the logits"),
        ("batch", "/ len(p)", "/ p.size", "x teacher", "mean in place of batchmean"),
    ],
})  # fmt: skip
