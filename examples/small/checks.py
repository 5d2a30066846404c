"""Gradients of small packages that each write one or two, against PyTorch's.

mambapy 1.2.0, diffsort 0.2.0, e3nn 0.6.0, monai 1.6.1, kornia 0.9.0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffsort.functional import NormalCDF
from e3nn.math import soft_unit_step
from kornia.losses.focal import _TargetLogSoftmax
from mambapy.pscan import pscan
from monai.networks.blocks.activation import SwishImplementation
from torch import Tensor

from gradproof import Check, choice, index, real, uniform


def scan(a: Tensor, x: Tensor) -> Tensor:
    """h[t] = a[t]·h[t − 1] + x[t], along the second axis."""
    h, out = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        h = a[:, t] * h + x[:, t]
        out.append(h)
    return torch.stack(out, 1)


def scan_of(length: int) -> Check:
    return Check(pscan, scan, (uniform(-1, 1, 2, length, 3, 2), real(2, length, 3, 2)))


def target_log_softmax(x: Tensor, target: Tensor) -> Tensor:
    return F.log_softmax(x, 1).gather(1, target.long()[:, None])


def masked_log_softmax(x: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    masked = x.masked_fill(valid == 0, 0.0)
    return F.log_softmax(masked, 1).gather(1, target.long()[:, None])


checks = {f"mambapy_pscan_{n}": scan_of(n) for n in (1, 2, 3, 4, 7, 8, 13, 16)}
checks |= {
    "diffsort_normal_cdf": Check(
        lambda x: NormalCDF.apply(x, 0.1), lambda x: torch.special.ndtr(x / 0.1), (real(3, 4),)
    ),
    "diffsort_normal_cdf_half": Check(
        lambda x: NormalCDF.apply(x, 0.5), lambda x: torch.special.ndtr(x / 0.5), (real(3, 4),)
    ),
    "e3nn_soft_unit_step": Check(
        soft_unit_step,
        lambda x: torch.where(x > 0, (-1 / torch.where(x > 0, x, 1.0)).exp(), 0.0),
        (real(3, 4),),
    ),
    "monai_swish": Check(SwishImplementation.apply, F.silu, (real(3, 4),)),
    "kornia_target_log_softmax": Check(
        lambda x, t: _TargetLogSoftmax.apply(x, t.long()[:, None], None),
        target_log_softmax,
        (real(2, 3, 4), index(3, 2, 4)),
    ),
    "kornia_target_log_softmax_valid": Check(
        lambda x, t, v: _TargetLogSoftmax.apply(x, t.long()[:, None], v != 0),
        masked_log_softmax,
        (real(2, 3, 4), index(3, 2, 4), choice((0, 1), 2, 1, 4)),
    ),
}
