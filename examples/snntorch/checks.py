"""Gradients of snntorch 1.0.0, against PyTorch's: surrogate gradients.

Each is judged against the derivative of the function that its documentation states, in float32: the
step functions return float32 whatever they are given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from snntorch import surrogate
from snntorch.functional.quant import state_quant
from torch import Tensor

import gradproof
from gradproof import Check, real


def surrogate_of(spiking: Callable[[Tensor], Tensor], reference: Any, why: str = "") -> Check:
    """y is the reference's: a spike is no differentiable function."""

    def judged(array: Any) -> Any:
        x = gradproof.laid_out(array).requires_grad_()
        y = spiking(x)

        def pull_back(dy: Any) -> Any:
            return torch.autograd.grad(y, x, gradproof.laid_out(dy), retain_graph=True)[0].numpy()

        return reference(x.detach()).numpy(), pull_back

    given = gradproof.vjp(judged)
    return Check(given, reference, (real(3, 5),), dtypes=("float32",), conventions=why)


def escape(beta: float, k: float) -> Callable[[Tensor], Tensor]:
    """The integral of k·exp(−β|u − 1|)."""
    return lambda u: -k / beta * (u - 1).sign() * torch.expm1(-beta * (u - 1).abs())


STEP = "the documented value at the threshold"
checks: dict[str, Check] = {
    "straight_through": surrogate_of(surrogate.straight_through_estimator(), lambda u: u * 1),
    "heaviside": surrogate_of(surrogate.heaviside(), F.relu, STEP),
    "triangular": surrogate_of(surrogate.triangular(2.0), lambda u: -2.0 * u.abs(), STEP),
    "leaky_spike_operator": surrogate_of(
        lambda u: surrogate.LeakySpikeOperator.apply(u, 0.1), lambda u: F.leaky_relu(u, 0.1), STEP
    ),
    "state_quant": surrogate_of(state_quant(num_bits=4), lambda u: u * 1),
}
for k in (1.0, 25.0):
    n = f"_{k:.0f}"
    checks |= {
        f"fast_sigmoid{n}": surrogate_of(
            surrogate.fast_sigmoid(k), lambda u, k=k: u / (1 + k * u.abs())
        ),
        f"sigmoid{n}": surrogate_of(surrogate.sigmoid(k), lambda u, k=k: (k * u).sigmoid()),
        f"atan{n}": surrogate_of(
            surrogate.atan(k), lambda u, k=k: (math.pi / 2 * k * u).atan() / math.pi
        ),
        f"sfs{n}": surrogate_of(
            surrogate.SFS(k, 0.5),
            lambda u, k=k: torch.where(u > 0.5, u / (1 + k * u.abs()), 0 * u),
            STEP,
        ),
        f"spike_rate_escape{n}": surrogate_of(
            surrogate.spike_rate_escape(2.0, k), escape(2.0, k), STEP
        ),
    }
