"""The loss of a conditional random field on a chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import index, real, spec
from tests.outsiders.common import STEPS, bugs, cases, twin


@dataclass(frozen=True)
class CRFLoss:
    """−log P(tags): the score of a chain of tags less the log-sum-exp of the scores of all."""

    reduction: str = "sum"

    def argument_kinds(self, count):
        kinds = {"x": "real", "tags": "index"}
        return kinds | {"transitions": "param", "start": "param", "end": "param"}

    def forward(self, x, tags, transitions, start, end):
        rows, times = np.arange(len(x)), np.arange(x.shape[1])
        score = x[rows[:, None], times, tags].sum(axis=1) + start[tags[:, 0]] + end[tags[:, -1]]
        score = score + transitions[tags[:, :-1], tags[:, 1:]].sum(axis=1)
        alpha, shares = start + x[:, 0], []
        for t in range(1, x.shape[1]):
            ways = alpha[:, :, None] + transitions
            best = ways.max(axis=1, keepdims=True)
            parts = np.exp(ways - best)
            total = parts.sum(axis=1, keepdims=True)
            shares.append(parts / total)
            alpha = (best + np.log(total))[:, 0] + x[:, t]
        last = alpha + end
        best = last.max(axis=1, keepdims=True)
        parts = np.exp(last - best)
        total = parts.sum(axis=1, keepdims=True)
        loss = (best + np.log(total))[:, 0] - score
        saved = tags, parts / total, tuple(shares)
        if self.reduction == "none":
            return loss, saved
        return loss.sum() if self.reduction == "sum" else loss.mean(), saved

    def backward(self, saved, dy):
        tags, chosen, shares = saved
        n, t = tags.shape
        dloss = np.broadcast_to(dy, (n,)) / (n if self.reduction == "mean" else 1)
        alpha = dloss[:, None] * chosen
        dx = np.empty((n, t, chosen.shape[1]), chosen.dtype)
        dend = alpha.sum(axis=0)
        dtransitions = np.zeros_like(chosen, shape=(chosen.shape[1],) * 2)
        for i in range(t - 1, 0, -1):
            dx[:, i] = alpha
            ways = shares[i - 1] * alpha[:, None, :]
            dtransitions += ways.sum(axis=0)
            alpha = ways.sum(axis=2)
        dx[:, 0] = alpha
        dstart = alpha.sum(axis=0)
        np.subtract.at(dx, (np.arange(n)[:, None], np.arange(t), tags), dloss[:, None])
        np.subtract.at(dtransitions, (tags[:, :-1], tags[:, 1:]), dloss[:, None])
        np.subtract.at(dstart, tags[:, 0], dloss)
        np.subtract.at(dend, tags[:, -1], dloss)
        return {"x": dx, "transitions": dtransitions, "start": dstart, "end": dend}


@cases(CRFLoss, rank=(3, 3), empty=False)
def crf_loss(draw, x):
    n, t, k = x[0], min(x[1], STEPS), min(x[2], STEPS)
    layer = CRFLoss(draw(st.sampled_from(["sum", "mean", "none"])))
    weights = {"transitions": real(k, k), "start": real(k), "end": real(k)}
    return spec(layer, x=real(n, t, k), tags=index(k, n, t), **weights)


@twin.register
def _(layer: CRFLoss, x, tags, transitions, start, end):
    score = x.gather(2, tags[..., None])[..., 0].sum(1) + start[tags[:, 0]] + end[tags[:, -1]]
    score = score + transitions[tags[:, :-1], tags[:, 1:]].sum(1)
    alpha = start + x[:, 0]
    for t in range(1, x.shape[1]):
        alpha = torch.logsumexp(alpha[:, :, None] + transitions, 1) + x[:, t]
    loss = torch.logsumexp(alpha + end, 1) - score
    return {"none": loss, "sum": loss.sum(), "mean": loss.mean()}[layer.reduction]


BUGS = bugs(__name__, {
    "CRFLoss.backward": [
        ("repeated-pairs",
         "np.subtract.at(dtransitions, (tags[:, :-1], tags[:, 1:]), dloss[:, None])",
         "dtransitions[tags[:, :-1], tags[:, 1:]] -= dloss[:, None]", "transitions",
         "a pair of tags that stands twice counts once"),
        ("transposed", "ways.sum(axis=2)", "ways.sum(axis=1)", "x transitions start",
         "the sum is over the tag before where it should be over the one after"),
        ("mean", '(n if self.reduction == "mean" else 1)', "1",
         "x transitions start end", "the option mean is forgotten"),
        ("end", "tags[:, -1], dloss", "tags[:, 0], dloss",
         "end", "the first tag stands where the last belongs"),
        ("one-step", "dtransitions += ways", "dtransitions = ways",
         "transitions", "the transitions have the gradient of one step: = for +="),
    ],
})  # fmt: skip
