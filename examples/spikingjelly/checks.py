"""Gradients of spikingjelly 2.0.0, against PyTorch's: surrogate gradients and quantisers.

A surrogate gradient is judged against the derivative of the primitive function that the
documentation of its class states. `y` is that class's own primitive_function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from spikingjelly.activation_based import quantize, surrogate
from spikingjelly.activation_based.neuron import dsr
from torch import Tensor

import gradproof
from gradproof import Check, real, uniform

EACH = real(3, 5)
KINK = "the surrogate's documented value at the kink"


def vjp(spiking: Callable[..., Tensor], primitive: Callable[..., Tensor]) -> Any:
    """y is that of primitive, the gradient that of spiking."""

    def judged(array: Any) -> Any:
        x = gradproof.laid_out(array).requires_grad_()
        y = spiking(x)

        def pull_back(dy: Any) -> Any:
            return torch.autograd.grad(y, x, gradproof.laid_out(dy), retain_graph=True)[0].numpy()

        return primitive(x.detach().clone()).numpy(), pull_back

    return gradproof.vjp(judged)


def of(module: Any, reference: Callable[[Tensor], Tensor], x: Any = EACH, why: str = "") -> Check:
    params = module._sg_params
    primitive = lambda x: module.primitive_function(x, **params)  # noqa: E731
    if isinstance(module, (surrogate.SuperSpike, surrogate.S2NN)):
        primitive = reference  # the one has none, the other adds 1e-5
    return Check(vjp(module, primitive), reference, (x,), conventions=why)


def ste(f: Callable[..., Tensor], reference: Callable[[Tensor], Tensor], x: Any = EACH) -> Check:
    """A quantiser, whose gradient is that of the reference: straight through."""
    return Check(vjp(f, reference), reference, (x,), conventions="both ends pass the gradient")


def half(x: Tensor, positive: Tensor) -> Tensor:
    """An odd function about ½, from its values ≥ 0 for |x|."""
    return torch.where(x >= 0, 0.5 + positive, 0.5 - positive)


def quadratic(a: float) -> Callable[[Tensor], Tensor]:
    return lambda x: half(x, _quadratic(x.abs().clamp(max=1 / a), a))


def _quadratic(m: Tensor, a: float) -> Tensor:
    return a * m - a * a / 2 * m * m


def q_pseudo(a: float) -> Callable[[Tensor], Tensor]:
    return lambda x: half(x, 0.5 - 0.5 * (1 + 2 / (a - 1) * x.abs()) ** (1 - a))


def fourier(n: int, period: float) -> Callable[[Tensor], Tensor]:
    w = 2 * math.pi / period
    terms = lambda x: [(c * w * x).sin() / c for c in range(1, 2 * n - 1, 2)]  # noqa: E731
    return lambda x: 0.5 + 2 / math.pi * sum(terms(x), torch.zeros_like(x) * x)


def leaky(w: float, c: float) -> Callable[[Tensor], Tensor]:
    inside = lambda x: x.clamp(-w, w) / (2 * w) + 0.5  # noqa: E731
    return lambda x: inside(x) + c * (x - x.clamp(-w, w))


def s2nn(a: float, b: float) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.where(x < 0, (a * x).sigmoid(), b * (x.clamp(min=0) + 1).log() + 0.5)


def log_tail(a: float) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.where(x > 1, x.clamp(min=1).log() + 1, F.leaky_relu(x, a))


def fast(index: int, alpha: float, reference: Callable[[Tensor], Tensor]) -> Check:
    """The surrogates of the fused neuron kernels."""
    from spikingjelly._ops.surrogate import _surrogate_spike

    return Check(vjp(lambda x: _surrogate_spike(x, alpha, index), reference), reference, (EACH,))


def softsign(a: float) -> Callable[[Tensor], Tensor]:
    return lambda x: F.softsign(a * x) / 2 + 0.5


def laplace(a: float) -> Callable[[Tensor], Tensor]:
    return lambda x: half(x, -torch.expm1(-a * x.abs()) / 2)


def arc(a: float) -> Callable[[Tensor], Tensor]:
    return lambda x: (math.pi / 2 * a * x).atan() / math.pi + 0.5


S = surrogate
checks: dict[str, Check] = {}
for a in (0.5, 3.0):
    n = f"_{a}".replace(".", "_")
    checks |= {
        f"PiecewiseQuadratic{n}": of(S.PiecewiseQuadratic(a), quadratic(a), why=KINK),
        f"PiecewiseExp{n}": of(S.PiecewiseExp(a), laplace(a)),
        f"Sigmoid{n}": of(S.Sigmoid(a), lambda x, a=a: (a * x).sigmoid()),
        f"SoftSign{n}": of(S.SoftSign(a), softsign(a)),
        f"SuperSpike{n}": of(S.SuperSpike(a), lambda x, a=a: a * F.softsign(x)),
        f"ATan{n}": of(S.ATan(a), arc(a)),
        f"NonzeroSignLogAbs{n}": of(
            S.NonzeroSignLogAbs(a), lambda x, a=a: x.sign() * (a * x.abs()).log1p()
        ),
        f"Erf{n}": of(S.Erf(a), lambda x, a=a: torch.erfc(-a * x) / 2),
        f"QPseudoSpike{n}": of(S.QPseudoSpike(a + 1), q_pseudo(a + 1)),
        f"LeakyKReLU{n}": of(
            S.LeakyKReLU(0.1, a), lambda x, a=a: torch.where(x >= 0, a * x, 0.1 * x), why=KINK
        ),
        f"LogTailedReLU{n}": of(S.LogTailedReLU(a / 5), log_tail(a / 5), why=KINK),
        f"Rect{n}": of(S.Rect(a), lambda x, a=a: (a * x + 0.5).clamp(0, 1), why=KINK),
        f"S2NN{n}": of(S.S2NN(a, 1.0), s2nn(a, 1.0), why=KINK),
        f"PiecewiseLeakyReLU{n}": of(S.PiecewiseLeakyReLU(a, 0.01), leaky(a, 0.01), why=KINK),
    }
checks |= {
    "PiecewiseLeakyReLU_flat": of(S.PiecewiseLeakyReLU(1.0, 0.0), leaky(1.0, 0.0), why=KINK),
    "SquarewaveFourierSeries_2": of(S.SquarewaveFourierSeries(2, 8.0), fourier(2, 8.0)),
    "SquarewaveFourierSeries_5": of(S.SquarewaveFourierSeries(5, 3.0), fourier(5, 3.0)),
    "MultiLevelSpikeCount": of(
        S.MultiLevelSpikeCount(3), lambda x: x.clamp(0, 3), why="both ends pass the gradient"
    ),
    "fused_Sigmoid": fast(0, 3.0, lambda x: (3 * x).sigmoid()),
    "fused_ATan": fast(1, 3.0, arc(3.0)),
    "fused_PiecewiseQuadratic": fast(2, 3.0, quadratic(3.0)),
    "fused_PiecewiseExp": fast(3, 3.0, laplace(3.0)),
    "fused_SoftSign": fast(4, 3.0, softsign(3.0)),
    "fused_SuperSpike": fast(5, 3.0, lambda x: 3 * F.softsign(x)),
    "fused_Erf": fast(6, 3.0, lambda x: torch.erfc(-3 * x) / 2),
    "quantize_round": ste(quantize.round, lambda x: x * 1),
    "quantize_clamp": ste(lambda x: quantize.clamp(x, -0.5, 1.0), lambda x: x.clamp(-0.5, 1)),
    "quantize_step": ste(lambda x: quantize.step_quantize(x, 0.3), lambda x: x * 1),
    "quantize_k_bit": ste(lambda x: quantize.k_bit_quantize(x, 3), lambda x: x * 1),
    "quantize_spike_count": ste(
        lambda x: quantize.multi_level_spike_count(x, 4), lambda x: x.clamp(0, 4)
    ),
    # the rate of an IF neuron over T steps is the clamped mean input
    "dsr_if_input": Check(
        vjp(
            lambda x: dsr.DSRIFNode.DSRIFFunction.apply(x, 5, torch.tensor(1.0), 0.5, 1.0).to(x),
            lambda x: x.mean(0, keepdim=True).clamp(0, 1).expand_as(x).clone(),
        ),
        lambda x: x.mean(0, keepdim=True).clamp(0, 1).expand_as(x),
        (uniform(-1, 2, 5, 2, 3),),
        dtypes=("float32",),
        conventions="both ends pass the gradient",
    ),
}
