"""Gradients of JAX 0.10.2, against PyTorch's: jax.nn and jax.scipy.special."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from glue import of
from jax import nn
from jax.scipy import special as s

from gradproof import Check, choice, mask, positive, real, uniform

sp = torch.special
X = (real(3, 4),)
XY = (real(3, 4), real(4))
P = (positive(3, 4),)
F32 = ("float32",)  # attention computes in float32 whatever it is given
KINK = "another subgradient at a kink"
POINTS, WEIGHTS = (torch.tensor(a) for a in np.polynomial.legendre.leggauss(60))


def integral(f, low: torch.Tensor | float, high: torch.Tensor) -> torch.Tensor:
    """By Gauss's rule, which is exact to rounding for what is smooth."""
    half = (high - low) / 2
    nodes = half[..., None] * POINTS.to(high.dtype) + (half + low)[..., None]
    return (f(nodes) * WEIGHTS.to(high.dtype)).sum(-1) * half


def spence(x: torch.Tensor) -> torch.Tensor:
    return -integral(lambda t: torch.log(t) / (t - 1), 1.0, x)


def bessel(x: torch.Tensor, order: int) -> torch.Tensor:
    """By the trapezium rule over a period, which is exact to rounding."""
    t = torch.arange(64, dtype=x.dtype) * (2 * torch.pi / 64)
    return torch.cos(order * t - x[..., None] * torch.sin(t)).mean(-1)


def boxcox(x: torch.Tensor, power: torch.Tensor) -> torch.Tensor:
    one = torch.ones((), dtype=x.dtype)
    lines = integral(lambda t: torch.exp(t * (power * torch.log(x))[..., None]), 0.0, one)
    return torch.log(x) * lines


def betaln(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options) -> torch.Tensor:
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    groups = {"enable_gqa": True} if q.shape[1] != k.shape[1] else {}
    return F.scaled_dot_product_attention(q, k, v, **options, **groups).transpose(1, 2)


def masked_softmax(x: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
    return torch.where(m != 0, x, -torch.inf).softmax(-1)


QKV = (real(2, 5, 2, 3), real(2, 4, 2, 3), real(2, 4, 2, 3))
GQA = (real(2, 5, 4, 3), real(2, 4, 2, 3), real(2, 4, 2, 3))
SQUARE = (real(2, 4, 2, 3), real(2, 4, 2, 3), real(2, 4, 2, 3))

checks = {
    "relu": Check(of(nn.relu), F.relu, X),
    "relu6": Check(of(nn.relu6), F.relu6, X, conventions=KINK),
    "hard_tanh": Check(of(nn.hard_tanh), F.hardtanh, X, conventions=KINK),
    "hard_sigmoid": Check(of(nn.hard_sigmoid), F.hardsigmoid, X, conventions=KINK),
    "hard_silu": Check(of(nn.hard_silu), F.hardswish, X, conventions=KINK),
    "elu": Check(of(nn.elu, alpha=0.7), lambda x: F.elu(x, 0.7), X, conventions=KINK),
    "celu": Check(of(nn.celu, alpha=0.7), lambda x: F.celu(x, 0.7), X),
    "selu": Check(of(nn.selu), F.selu, X, conventions=KINK),
    "gelu_tanh": Check(of(nn.gelu), lambda x: F.gelu(x, approximate="tanh"), X),
    "gelu": Check(of(nn.gelu, approximate=False), F.gelu, X),
    "glu": Check(of(nn.glu, axis=0), lambda x: F.glu(x, 0), (real(4, 3),)),
    "leaky_relu": Check(of(nn.leaky_relu), F.leaky_relu, X, conventions=KINK),
    "silu": Check(of(nn.silu), F.silu, X),
    "mish": Check(of(nn.mish), F.mish, X),
    "sigmoid": Check(of(nn.sigmoid), torch.sigmoid, X),
    "softplus": Check(of(nn.softplus), lambda x: torch.logaddexp(x, torch.zeros_like(x)), X),
    "log_sigmoid": Check(of(nn.log_sigmoid), F.logsigmoid, X),
    "soft_sign": Check(of(nn.soft_sign), F.softsign, X),
    "squareplus": Check(
        of(nn.squareplus, b=2.0), lambda x: (x + torch.sqrt(x * x + 2)) / 2, (uniform(-9, 9, 4),)
    ),
    "sparse_plus": Check(
        of(nn.sparse_plus),
        lambda x: torch.where(x <= -1, 0 * x, torch.where(x >= 1, x, (x + 1) ** 2 / 4)),
        X,
        conventions=KINK,
    ),
    "sparse_sigmoid": Check(
        of(nn.sparse_sigmoid), lambda x: torch.clamp((x + 1) / 2, 0, 1), X, conventions=KINK
    ),
    "log1mexp": Check(of(nn.log1mexp), lambda x: torch.log(-torch.expm1(-x)), P),
    "softmax": Check(of(nn.softmax, axis=0), lambda x: x.softmax(0), X),
    "softmax_axes": Check(
        of(nn.softmax, axis=(0, 2)),
        lambda x: x.transpose(0, 1).flatten(1).softmax(1).reshape(3, 2, 4).transpose(0, 1),
        (real(2, 3, 4),),
    ),
    "softmax_where": Check(
        of(lambda x, m: nn.softmax(x, where=m != 0)), masked_softmax, (real(3, 4), mask(3, 4))
    ),
    "log_softmax": Check(of(nn.log_softmax), lambda x: x.log_softmax(-1), X),
    "logsumexp": Check(of(nn.logsumexp, axis=0), lambda x: x.logsumexp(0), X),
    "logsumexp_keepdims": Check(
        of(nn.logsumexp, axis=(0, 1), keepdims=True), lambda x: x.logsumexp((0, 1), True), X
    ),
    "logsumexp_b": Check(
        of(lambda x, b: nn.logsumexp(x, axis=-1, b=b)),
        lambda x, b: (x + torch.log(b)).logsumexp(-1),
        (uniform(-5, 5, 3, 4), uniform(0.1, 2.0, 3, 4)),
    ),
    "logsumexp_sign": Check(
        of(lambda x, b: nn.logsumexp(x, axis=-1, b=b, return_sign=True)[0]),
        lambda x, b: torch.log(torch.abs((b * torch.exp(x)).sum(-1))),
        (uniform(-3, 3, 3, 4), choice((-1.0, 3.0), 3, 4)),
    ),
    "logsumexp_where": Check(
        of(lambda x, m: nn.logsumexp(x, axis=-1, where=m != 0)),
        lambda x, m: torch.where(m != 0, x, -torch.inf).logsumexp(-1),
        (real(3, 4), mask(3, 4)),
    ),
    "logmeanexp": Check(of(nn.logmeanexp, axis=1), lambda x: x.logsumexp(1) - np.log(4), X),
    "standardize": Check(
        of(nn.standardize), lambda x: F.layer_norm(x, (4,)), (uniform(-3, 3, 3, 4),)
    ),
    "attention": Check(of(nn.dot_product_attention), attention, QKV, dtypes=F32),
    "attention_causal": Check(
        of(nn.dot_product_attention, is_causal=True),
        lambda q, k, v: attention(q, k, v, is_causal=True),
        SQUARE,
        dtypes=F32,
    ),
    "attention_grouped": Check(
        of(nn.dot_product_attention, scale=0.3),
        lambda q, k, v: attention(q, k, v, scale=0.3),
        GQA,
        dtypes=F32,
    ),
    "attention_mask": Check(
        of(lambda q, k, v, m: nn.dot_product_attention(q, k, v, mask=m[:, None] != 0)),
        lambda q, k, v, m: attention(q, k, v, attn_mask=m[:, None] != 0),
        (*QKV, mask(2, 5, 4)),
        dtypes=F32,
    ),
    "attention_bias": Check(
        of(nn.dot_product_attention),
        lambda q, k, v, b: attention(q, k, v, attn_mask=b),
        (*QKV, real(1, 2, 5, 4)),
        dtypes=F32,
    ),
    "erf": Check(of(s.erf), sp.erf, X),
    "erfc": Check(of(s.erfc), sp.erfc, X),
    "erfcx": Check(of(s.erfcx), sp.erfcx, (uniform(-3, 6, 3, 4),)),
    "erfinv": Check(of(s.erfinv), sp.erfinv, (uniform(-0.999, 0.999, 3, 4),)),
    "ndtr": Check(of(s.ndtr), sp.ndtr, X),
    "ndtri": Check(of(s.ndtri), sp.ndtri, (uniform(0.001, 0.999, 3, 4),)),
    "log_ndtr": Check(of(s.log_ndtr), sp.log_ndtr, (uniform(-30, 5, 3, 4),)),
    "gammaln": Check(of(s.gammaln), torch.lgamma, P),
    "gammaln_negative": Check(of(s.gammaln), torch.lgamma, (uniform(-2.9, -2.1, 3, 4),)),
    "digamma": Check(of(s.digamma), sp.digamma, P),
    "digamma_negative": Check(of(s.digamma), sp.digamma, (uniform(-2.9, -2.1, 3, 4),)),
    "polygamma": Check(of(lambda x: s.polygamma(2, x)), lambda x: sp.polygamma(2, x), P),
    "multigammaln": Check(
        of(lambda x: s.multigammaln(x, 3)), lambda x: torch.mvlgamma(x, 3), (uniform(1.1, 9, 5),)
    ),
    "gamma": Check(of(s.gamma), lambda x: torch.exp(torch.lgamma(x)), (uniform(0.2, 9, 5),)),
    "beta": Check(
        of(s.beta),
        lambda a, b: torch.exp(betaln(a, b)),
        (uniform(0.2, 5, 3, 4), uniform(0.2, 5, 4)),
    ),
    "betaln": Check(of(s.betaln), betaln, (uniform(0.2, 5, 3, 4), uniform(0.2, 5, 4))),
    "betaln_large": Check(of(s.betaln), betaln, (uniform(8, 40, 3, 4), uniform(0.2, 5, 4))),
    "gammainc_x": Check(
        of(lambda x: s.gammainc(2.5, x)),
        lambda x: sp.gammainc(torch.full_like(x, 2.5), x),
        (uniform(0.1, 20, 5),),
    ),
    "gammaincc_x": Check(
        of(lambda x: s.gammaincc(2.5, x)),
        lambda x: sp.gammaincc(torch.full_like(x, 2.5), x),
        (uniform(0.1, 20, 5),),
    ),
    "gammainc_a": Check(
        of(lambda a: s.gammainc(a, 1.5)),
        lambda a: integral(
            lambda t: torch.exp(
                4 * a[..., None] * torch.log(t)
                - t**4
                + np.log(4)
                - torch.log(t)
                - torch.lgamma(a)[..., None]
            ),
            0.0,
            torch.full_like(a, 1.5**0.25),
        ),
        (uniform(2, 5, 5),),
    ),
    "betainc_x": Check(
        of(lambda x: s.betainc(2.0, 3.0, x)),
        lambda x: x**2 * (6 - 8 * x + 3 * x * x),
        (uniform(0.01, 0.99, 5),),
    ),
    "zeta_q": Check(
        of(lambda q: s.zeta(3.0, q)),
        lambda q: sp.zeta(torch.full_like(q, 3), q),
        (uniform(1, 9, 5),),
    ),
    "i0": Check(of(s.i0), sp.i0, (uniform(-9, 9, 3, 4),)),
    "i0_at_0": Check(of(s.i0), sp.i0, (uniform(0, 0, 3),)),
    "i0_numpy": Check(of(jnp.i0), sp.i0, (uniform(-9, 9, 3, 4),)),
    "i0e": Check(of(s.i0e), sp.i0e, X, conventions=KINK),
    "i1": Check(of(s.i1), sp.i1, (uniform(-9, 9, 3, 4),)),
    "i1e": Check(of(s.i1e), sp.i1e, X),
    "bessel_jn": Check(
        of(lambda x: s.bessel_jn(x, v=1)[1]), lambda x: bessel(x, 1), (uniform(0.5, 9, 5),)
    ),
    "spence": Check(of(s.spence), spence, (uniform(0.6, 3, 5),)),
    "spence_small": Check(of(s.spence), spence, (uniform(0.6, 0.9, 5),)),
    "expn_0": Check(of(lambda x: s.expn(0, x)), lambda x: torch.exp(-x) / x, (uniform(0.2, 5, 5),)),
    "si": Check(
        of(lambda x: s.sici(x)[0]),
        lambda x: integral(lambda t: torch.sinc(t / torch.pi), 0.0, x),
        (uniform(-6, 6, 5),),
    ),
    "fresnel": Check(
        of(s.fresnel),
        lambda x: (
            integral(lambda t: torch.sin(torch.pi / 2 * t * t), 0.0, x),
            integral(lambda t: torch.cos(torch.pi / 2 * t * t), 0.0, x),
        ),
        (uniform(-2, 2, 5),),
    ),
    "dawsn": Check(
        of(s.dawsn),
        lambda x: (
            x
            * integral(
                lambda t: torch.exp((t * t - 1) * (x * x)[..., None]),
                0.0,
                torch.ones((), dtype=x.dtype),
            )
        ),
        (uniform(-4, 4, 5),),
    ),
    "owens_t": Check(
        of(s.owens_t),
        lambda h, a: (
            integral(
                lambda t: torch.exp(-(h * h)[..., None] * (1 + t * t) / 2) / (1 + t * t), 0.0, a
            )
            / (2 * torch.pi)
        ),
        (uniform(-2, 2, 5), uniform(-1, 1, 5)),
        dtypes=("float64",),  # of float32 it makes float64
    ),
    "boxcox_at_0": Check(of(s.boxcox), boxcox, (uniform(0.3, 4, 5), uniform(0, 0, 5))),
    "boxcox": Check(of(s.boxcox), boxcox, (uniform(0.3, 4, 5), uniform(-1, 1, 5))),
    "hyp1f1_x": Check(
        of(lambda x: s.hyp1f1(1.0, 2.0, x)), lambda x: torch.expm1(x) / x, (uniform(0.5, 9, 5),)
    ),
    "hyp2f1_x": Check(
        of(lambda x: s.hyp2f1(1.0, 1.0, 2.0, x)),
        lambda x: -torch.log1p(-x) / x,
        (uniform(0.1, 0.8, 5),),
    ),
    "logit": Check(of(s.logit), torch.logit, (uniform(0.01, 0.99, 3, 4),)),
    "expit": Check(of(s.expit), torch.sigmoid, X),
    "entr": Check(of(s.entr), sp.entr, P),
    "xlogy": Check(of(s.xlogy), torch.xlogy, (real(3, 4), positive(4))),
    "xlog1py": Check(of(s.xlog1py), sp.xlog1py, (real(3, 4), uniform(-0.9, 9, 4))),
    "rel_entr": Check(
        of(s.rel_entr), lambda x, q: x * torch.log(x / q), (uniform(0.1, 2, 5), uniform(0.1, 2, 5))
    ),
    "kl_div": Check(
        of(s.kl_div),
        lambda x, q: x * torch.log(x / q) - x + q,
        (uniform(0.1, 2, 5), uniform(0.1, 2, 5)),
    ),
    "poch": Check(
        of(s.poch),
        lambda z, m: torch.exp(torch.lgamma(z + m) - torch.lgamma(z)),
        (uniform(0.3, 4, 5), uniform(0.3, 3, 5)),
    ),
}
