"""Gradients of liger-kernel 0.8.5, against PyTorch's: losses of policies."""

from __future__ import annotations

import torch
from interpreted import judged
from liger_kernel import ops
from torch import Tensor

from gradproof import Check, choice, index, uniform

LOW, HIGH, BETA, HEAT = 0.2, 0.25, 0.1, 0.9
SHAPE = (2, 3)
INPUTS = {
    "x": uniform(-2, 2, 2, 4, 5),
    "old": choice((-2.5, -1.7, -1.2, -0.4), *SHAPE),
    "ref": choice((-2.5, -1.6, -1.3, -0.5), *SHAPE),
    "ids": index(5, *SHAPE),
    "advantage": choice((-1.5, 0.7, 2.0), 2),
    "mask": choice((0.0, 1.0), *SHAPE),
}


def grpo(
    kind: str, level: str = "token", delta: float | None = None, corrected: bool = False
) -> Check:
    """A check of a loss of this kind, with a penalty for leaving the reference policy."""
    apply = ops.GrpoLossFunction.apply
    more = (
        HEAT,
        BETA,
        LOW,
        HIGH,
        False,
        kind,
        None,
        True,
        level,
        1.0,
        1.05,
        None,
        delta,
        corrected,
    )

    def reference(
        x: Tensor, old: Tensor, ref: Tensor, ids: Tensor, advantage: Tensor, mask: Tensor
    ) -> Tensor:
        logp = torch.log_softmax(x[:, :-1] / HEAT, -1).gather(2, ids.unsqueeze(2)).squeeze(2)
        gain, lengths = advantage.unsqueeze(1), mask.sum(1, keepdim=True).clamp(min=1)
        ratio = logp - old
        if level == "sequence":
            ratio = (ratio * mask).sum(1, keepdim=True) / lengths
        ratio = ratio.exp()
        if kind == "cispo":
            loss = -ratio.clamp(max=HIGH).detach() * gain * logp
        elif kind == "sapo":
            heat = torch.where(gain > 0, 1.0, 1.05)
            loss = -torch.sigmoid(heat * (ratio - 1)) * 4 / heat * gain
        else:
            capped = ratio if delta is None else ratio.clamp(max=delta)
            loss = -torch.minimum(capped * gain, ratio.clamp(1 - LOW, 1 + HIGH) * gain)
        away = torch.exp(ref - logp) - (ref - logp) - 1
        loss = loss + BETA * away * (ratio if corrected else 1)
        if kind == "luspo":
            return (loss * mask * lengths).mean()
        if kind == "dr_grpo":
            return (loss * mask).mean()
        if kind in ("grpo", "sapo"):
            return ((loss * mask) / lengths).sum(1).mean()
        return (loss * mask).sum() / mask.sum().clamp(min=1)

    def func(
        x: Tensor, old: Tensor, ref: Tensor, ids: Tensor, gain: Tensor, mask: Tensor
    ) -> Tensor:
        given = [t.contiguous() for t in (x, old, ref, ids, gain, mask)]
        return apply(*given, *more)[0]

    return Check(judged(func, 1, 2, 4, 5), reference, INPUTS, dtypes=("float32",))


checks = {
    "grpo": grpo("grpo"),
    "grpo_delta": grpo("grpo", delta=1.5),
    "grpo_small_delta": grpo("grpo", delta=0.9),
    "grpo_corrected": grpo("grpo", corrected=True),
    "bnpo": grpo("bnpo"),
    "dr_grpo": grpo("dr_grpo"),
    "dapo": grpo("dapo"),
    "luspo": grpo("luspo"),
    "cispo": grpo("cispo"),
    "sapo": grpo("sapo"),
    "sequence": grpo("grpo", "sequence"),
    "sequence_luspo": grpo("luspo", "sequence"),
    "sequence_corrected": grpo("dapo", "sequence", corrected=True),
    "sequence_delta": grpo("grpo", "sequence", delta=1.5),
}
