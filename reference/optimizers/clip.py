"""torch.nn.utils.clip_grad_norm_ and clip_grad_value_, as functions of named gradients."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from manual.optimizers.clip import Clip, ClipGradNorm, ClipGradValue


@functools.singledispatch
def clip_twin(clip: Clip, tensors: list[Tensor]) -> None:
    """Clip the tensors' .grad in place by torch's own function. One registration for each.

    Raises    NotImplementedError for a clip without a twin
    """
    raise NotImplementedError(f"{type(clip).__name__} has no twin in reference/")


@clip_twin.register
def clip_grad_norm(clip: ClipGradNorm, tensors: list[Tensor]) -> None:
    clip_grad_norm_(tensors, clip.max_norm, clip.norm_type, clip.error_if_nonfinite, foreach=False)


@clip_twin.register
def clip_grad_value(clip: ClipGradValue, tensors: list[Tensor]) -> None:
    clip_grad_value_(tensors, clip.clip_value, foreach=False)


def reference_clip(clip: Clip, grads: dict[str, Tensor]) -> dict[str, Tensor]:
    """`clip.clip` by torch, on tensors; nothing received is written to."""
    holders = {name: torch.empty_like(grad) for name, grad in grads.items()}
    for name, holder in holders.items():
        holder.grad = grads[name].detach().clone()
    clip_twin(clip, list(holders.values()))
    return {name: holder.grad for name, holder in holders.items() if holder.grad is not None}
