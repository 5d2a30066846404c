"""The loss of connectionist temporal classification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import index, real, spec
from tests.outsiders.common import STEPS, bugs, cases, twin


def ctc_paths(logp, target, blank):
    """Log probability of the paths to each state, and by which way they came, frame by frame."""
    states = np.full(2 * len(target) + 1, blank)
    states[1::2] = target
    jumps = (states[2:] != blank) & (states[2:] != states[:-2])
    alpha = np.full(len(states), -np.inf, logp.dtype)
    alpha[0] = 0
    shares = []
    for frame in logp:
        ways = np.full((3, len(states)), -np.inf, logp.dtype)
        ways[0], ways[1, 1:] = alpha, alpha[:-1]
        ways[2, 2:][jumps] = alpha[:-2][jumps]
        best = ways.max(axis=0)
        best = np.where(np.isfinite(best), best, 0)
        parts = np.exp(ways - best)
        total = parts.sum(axis=0)
        shares.append(parts / np.where(total > 0, total, 1))
        alpha = best + np.log(total) + frame[states]
    return alpha, states, tuple(shares)


def ctc_classes(ends, states, shares, like):
    """The probability of each class at each frame, given that the target is read."""
    dlogp = np.zeros_like(like)
    alpha = np.zeros(len(states), like.dtype)
    alpha[-2:] = ends
    for t in reversed(range(len(shares))):
        np.add.at(dlogp[t], states, alpha)
        ways = shares[t] * alpha
        alpha = ways[0].copy()
        alpha[:-1] += ways[1, 1:]
        alpha[:-2] += ways[2, 2:]
    return dlogp


@dataclass(frozen=True)
class CTCLoss:
    """−log Σ P(path) over all paths that read as the target: F.ctc_loss of F.log_softmax."""

    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False

    def argument_kinds(self, count):
        return {"x": "real", "targets": "index", "frames": "index", "lengths": "index"}

    def forward(self, x, targets, frames, lengths):
        shifted = x - x.max(axis=-1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        paths = [
            ctc_paths(logp[: frames[n], n], targets[n, : lengths[n]], self.blank)
            for n in range(len(targets))
        ]
        loss = np.stack([-np.logaddexp.reduce(alpha[-2:]) for alpha, _, _ in paths])
        saved = logp, frames, lengths, loss, tuple(paths)
        if self.zero_infinity:
            loss = np.where(np.isinf(loss), np.zeros_like(loss), loss)
        if self.reduction == "mean":
            return (loss / np.maximum(lengths, 1).astype(loss.dtype)).mean(), saved
        return loss.sum() if self.reduction == "sum" else loss, saved

    def backward(self, saved, dy):
        logp, frames, lengths, loss, paths = saved
        dloss = np.broadcast_to(dy, loss.shape)
        if self.reduction == "mean":
            dloss = dloss / (np.maximum(lengths, 1) * len(loss)).astype(loss.dtype)
        dx = np.zeros_like(logp)
        for n, (alpha, states, shares) in enumerate(paths):
            if self.zero_infinity and np.isinf(loss[n]):
                continue
            read = logp[: frames[n], n]
            ends = np.exp(alpha[-2:] - alpha[-2:].max())
            classes = ctc_classes(ends / ends.sum(), states, shares, read)
            p = np.exp(read)
            g = p - classes  # its sum is 0 but for what p ≈ 1 lost in the difference
            dx[: frames[n], n] = dloss[n] * (g - p * g.sum(axis=-1, keepdims=True))
        return {"x": dx}


@cases(CTCLoss, rank=(3, 3), empty=False)
def ctc_loss(draw, x):
    t, n, c = min(x[0], 40), min(x[1], STEPS), max(x[2], 2)
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    last, infinite = draw(st.booleans()), draw(st.booleans())
    layer = CTCLoss(c - 1 if last else 0, reduction, infinite)
    # A target with repeats takes up to 2 s − 1 frames; without them the loss may be infinite.
    s = draw(st.integers(1, 4)) if infinite else draw(st.integers(1, min((t + 1) // 2, 6)))
    targets = index(c - 1, n, s) if last else index(c, n, s, low=1)
    frames = index(t + 1, n, low=0 if infinite else t)
    x = real(t, n, c)
    return spec(layer, x=x, targets=targets, frames=frames, lengths=index(s + 1, n))


@twin.register
def _(layer: CTCLoss, x, targets, frames, lengths):
    options = layer.blank, layer.reduction, layer.zero_infinity
    return F.ctc_loss(F.log_softmax(x, -1), targets, frames, lengths, *options)


BUGS = bugs(__name__, {
    "CTCLoss:ctc_classes": [
        ("repeated-classes", "np.add.at(dlogp[t], states, alpha)", "dlogp[t][states] = alpha",
         "x", "several states have the same class, and only the last of them counts"),
        ("no-jump", "alpha[:-2] += ways[2, 2:]", "alpha[:-2] += 0",
         "x", "the way that leaves a blank out is forgotten"),
        ("last-blank", "alpha[-2:] = ends", "alpha[-1] = ends[-1]",
         "x", "paths may end in the last label as well as in the last blank"),
    ],
    "CTCLoss.backward": [
        ("zero-infinity", "self.zero_infinity and np.isinf(loss[n])", "False",
         "x", "zero_infinity is done in the forward pass alone"),
        ("mean", "(np.maximum(lengths, 1) * len(loss)).astype(loss.dtype)", "len(loss)",
         "x", "the mean is also over the length of the target"),
    ],
})  # fmt: skip
