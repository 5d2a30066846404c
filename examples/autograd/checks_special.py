"""Gradients of autograd 1.9.1 (HIPS), against PyTorch's: special functions, distributions."""

from __future__ import annotations

import math
from functools import partial

import autograd.numpy as np
import autograd.scipy.special as sp
import autograd.scipy.stats as ss
import torch
from rule import AXIS, axes, between, pair, rule

from gradproof import Check, index, positive, positive_definite, real, uniform

double = partial(Check, dtypes=("float64",))  # SciPy answers in float64
ts, td = torch.special, torch.distributions
one, some = axes(2), axes(2, kind=positive)
mid, wide = between(0.5, 3.0), between(1.5, 9.0)
open_unit = between(0.05, 0.95)
unit, angle = axes(2, kind=open_unit), axes(2, kind=wide)
near = axes(2, kind=between(-4.0, 4.0))
NODES = torch.arange(64, dtype=torch.float64) * (math.pi / 64)


def bessel_j(n):
    """J_n of an integer n, by the trapezoid rule, which is exact for a periodic function."""
    at = 2 * NODES
    return lambda x: torch.cos(n * at - x.double()[..., None] * torch.sin(at)).mean(-1).to(x.dtype)


def bessel_i(n):
    """I_n, likewise."""
    at = 2 * NODES

    def f(x):
        e = torch.exp(x.double()[..., None] * torch.cos(at))
        return (e * torch.cos(n * at)).mean(-1).to(x.dtype)

    return f


def binomial(a, b):
    """The incomplete beta function of integers, as the tail of a binomial distribution."""
    n = a + b - 1
    j = torch.arange(a, n + 1, dtype=torch.float64)
    ways = (
        torch.lgamma(torch.tensor(n + 1.0, dtype=j.dtype))
        - torch.lgamma(j + 1)
        - torch.lgamma(n - j + 1)
    )

    def f(x):
        t = x.double()[..., None]
        return torch.exp(ways + j * torch.log(t) + (n - j) * torch.log1p(-t)).sum(-1).to(x.dtype)

    return f


def three(x=real, a=real, b=real):
    """Three inputs that broadcast."""

    def inputs(draw):
        n, m = draw(AXIS), draw(AXIS)
        return x(n, m), a(m), b()

    return inputs


def four(x=real, a=real, b=real, c=real):
    """Four inputs that broadcast."""

    def inputs(draw):
        n, m = draw(AXIS), draw(AXIS)
        return x(n, m), a(m), b(n, 1), c()

    return inputs


def beta(a, b):
    """The logarithm of the beta function."""
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def beta_logpdf(x, a, b):
    """Of the beta distribution."""
    return (a - 1) * torch.log(x) + (b - 1) * torch.log1p(-x) - beta(a, b)


def gamma_logpdf(x, a):
    """Of the gamma distribution."""
    return (a - 1) * torch.log(x) - x - torch.lgamma(a)


def chi2_logpdf(x, df):
    """Of the chi-squared distribution."""
    h = df / 2
    return (h - 1) * torch.log(x) - x / 2 - h * math.log(2) - math.lgamma(h)


def norm_logpdf(x, loc, scale):
    """Of the normal distribution."""
    return -(((x - loc) / scale) ** 2) / 2 - torch.log(scale) - math.log(2 * math.pi) / 2


def t_logpdf(x, df, loc, scale):
    """Of Student's distribution."""
    z = (x - loc) / scale
    ends = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2)
    return (
        ends
        - torch.log(math.pi * df) / 2
        - torch.log(scale)
        - (df + 1) / 2 * torch.log1p(z * z / df)
    )


def t_cdf(df):
    """The integral of Student's density, for df 1 or 3, in closed form."""

    def f(x, loc, scale):
        z = (x - loc) / scale / math.sqrt(df)
        extra = 0 if df == 1 else z / (1 + z * z)
        return 0.5 + (torch.atan(z) + extra) / math.pi

    return f


def normal(f):
    """A function of the standard score."""
    return lambda x, loc, scale: f((x - loc) / scale)


def mvn(x, mean, cov):
    """Of the multivariate normal distribution."""
    return td.MultivariateNormal(mean, (cov + cov.mT) / 2, validate_args=False).log_prob(x)


def spd(x_shape):
    """Points, a mean and a covariance."""
    return (real(*x_shape), real(3), positive_definite(3, 3))


location = three(near_ := between(-2.0, 2.0), near_, mid)
t_inputs = four(near_, wide, near_, mid)
xab = three(open_unit, mid, wide)

special = {
    "beta": Check(rule(sp.beta), lambda a, b: torch.exp(beta(a, b)), pair(mid, mid)),
    "betaln": Check(rule(sp.betaln), beta, pair(mid, mid)),
    "betainc": Check(
        rule(lambda x: sp.betainc(2, 3, x)), lambda x: x**2 * (6 - 8 * x + 3 * x**2), unit
    ),
    "betainc_large": Check(
        rule(lambda x: sp.betainc(600, 600, x)), binomial(600, 600), (uniform(0.45, 0.55, 3),)
    ),
    "polygamma": double(rule(lambda x: sp.polygamma(2, x)), lambda x: ts.polygamma(2, x), angle),
    "psi": Check(rule(sp.psi), ts.psi, angle),
    "digamma": Check(rule(sp.digamma), ts.digamma, angle),
    "gamma": Check(rule(sp.gamma), lambda x: torch.exp(torch.lgamma(x)), angle),
    "gammaln": Check(rule(sp.gammaln), torch.lgamma, angle),
    "gammainc": double(
        rule(lambda x: sp.gammainc(2.5, x)),
        lambda x: ts.gammainc(torch.full_like(x, 2.5), x),
        angle,
    ),
    "gammainc_large": double(
        rule(lambda x: sp.gammainc(200.0, x)),
        lambda x: ts.gammainc(torch.full_like(x, 200.0), x),
        (uniform(190.0, 210.0, 3),),
    ),
    "gammaincc": double(
        rule(lambda x: sp.gammaincc(1.5, x)),
        lambda x: ts.gammaincc(torch.full_like(x, 1.5), x),
        angle,
    ),
    "rgamma": Check(rule(sp.rgamma), lambda x: torch.exp(-torch.lgamma(x)), angle),
    "rgamma_at_poles": Check(
        rule(sp.rgamma),
        lambda x: x * (x + 1) * torch.exp(-torch.lgamma(x + 2)),
        uniform(-1.0, 0.0, 3),
    ),
    "multigammaln": double(
        rule(lambda x: sp.multigammaln(x, 3)), lambda x: ts.multigammaln(x, 3), angle
    ),
    "j0": Check(rule(sp.j0), bessel_j(0), near),
    "j1": Check(rule(sp.j1), bessel_j(1), near),
    "jn": Check(rule(lambda x: sp.jn(3, x)), bessel_j(3), near),
    "i0": Check(rule(sp.i0), ts.i0, near),
    "i1": Check(rule(sp.i1), ts.i1, near),
    "iv": Check(rule(lambda x: sp.iv(2, x)), bessel_i(2), near),
    "ive": Check(rule(lambda x: sp.ive(0, x)), ts.i0e, angle),
    "ive_negative": Check(rule(lambda x: sp.ive(1, -x)), lambda x: -ts.i1e(x), angle),
    "ive_at_0": Check(rule(lambda x: sp.ive(1, x)), ts.i1e, uniform(0.0, 4.0, 5)),
    "erf": Check(rule(sp.erf), torch.erf, one),
    "erfc": Check(rule(sp.erfc), torch.erfc, one),
    "erfinv": Check(rule(sp.erfinv), torch.erfinv, axes(2, kind=between(-0.9, 0.9))),
    "erfcinv": Check(rule(sp.erfcinv), lambda x: torch.erfinv(1 - x), unit),
    "logit": Check(rule(sp.logit), torch.logit, unit),
    "expit": Check(rule(sp.expit), torch.sigmoid, one),
    "logsumexp": Check(rule(sp.logsumexp), lambda x: x.logsumexp((0, 1)), one),
    "logsumexp_axis": Check(
        rule(lambda x: sp.logsumexp(x, axis=-1, keepdims=True)),
        lambda x: x.logsumexp(-1, True),
        one,
    ),
    "logsumexp_axes": Check(
        rule(lambda x: sp.logsumexp(x, (0, -1))), lambda x: x.logsumexp((0, -1)), axes(3)
    ),
    "logsumexp_b": Check(
        rule(lambda x: sp.logsumexp(x, 1, b=np.array([2.0, 0.0, 0.5], x.dtype))),
        lambda x: (x + torch.tensor([2.0, 0.0, 0.5], dtype=x.dtype).log()).logsumexp(1),
        lambda draw: real(draw(AXIS), 3),
    ),
    "logsumexp_b_negative": Check(
        rule(lambda x: sp.logsumexp(x, 1, b=np.array([3.0, -1.0], x.dtype))),
        lambda x: torch.log(3 * torch.exp(x[:, 0]) - torch.exp(x[:, 1])),
        lambda draw: uniform(0.0, 1.0, draw(AXIS), 2),
    ),
}
distributions = {
    "beta_cdf": double(
        rule(lambda x: ss.beta.cdf(x, 2.0, 3.0)), lambda x: x**2 * (6 - 8 * x + 3 * x**2), unit
    ),
    "beta_logpdf": double(rule(ss.beta.logpdf), beta_logpdf, xab),
    "beta_pdf": double(rule(ss.beta.pdf), lambda *x: torch.exp(beta_logpdf(*x)), xab),
    "gamma_cdf": double(
        rule(lambda x: ss.gamma.cdf(x, 2.5)),
        lambda x: ts.gammainc(torch.full_like(x, 2.5), x),
        angle,
    ),
    "gamma_cdf_large": double(
        rule(lambda x: ss.gamma.cdf(x, 200.0)),
        lambda x: ts.gammainc(torch.full_like(x, 200.0), x),
        (uniform(190.0, 210.0, 3),),
    ),
    "gamma_logpdf": double(rule(ss.gamma.logpdf), gamma_logpdf, pair(wide, mid)),
    "gamma_pdf": double(
        rule(ss.gamma.pdf), lambda x, a: torch.exp(gamma_logpdf(x, a)), pair(wide, mid)
    ),
    "chi2_cdf": double(
        rule(lambda x: ss.chi2.cdf(x, 3.5)),
        lambda x: ts.gammainc(torch.full_like(x, 1.75), x / 2),
        angle,
    ),
    "chi2_logpdf": double(rule(lambda x: ss.chi2.logpdf(x, 3)), lambda x: chi2_logpdf(x, 3), angle),
    "chi2_logpdf_half": double(
        rule(lambda x: ss.chi2.logpdf(x, 2.5)), lambda x: chi2_logpdf(x, 2.5), angle
    ),
    "chi2_pdf": double(
        rule(lambda x: ss.chi2.pdf(x, 5)), lambda x: torch.exp(chi2_logpdf(x, 5)), angle
    ),
    "chi2_pdf_half": double(
        rule(lambda x: ss.chi2.pdf(x, 2.5)), lambda x: torch.exp(chi2_logpdf(x, 2.5)), angle
    ),
    "norm_pdf": double(rule(ss.norm.pdf), lambda *x: torch.exp(norm_logpdf(*x)), location),
    "norm_cdf": double(rule(ss.norm.cdf), normal(ts.ndtr), location),
    "norm_sf": double(rule(ss.norm.sf), normal(lambda z: ts.ndtr(-z)), location),
    "norm_logpdf": double(rule(ss.norm.logpdf), norm_logpdf, location),
    "norm_logcdf": double(rule(ss.norm.logcdf), normal(ts.log_ndtr), location),
    "norm_logsf": double(rule(ss.norm.logsf), normal(lambda z: ts.log_ndtr(-z)), location),
    "poisson_logpmf": double(
        rule(ss.poisson.logpmf),
        lambda k, mu: k * torch.log(mu) - mu - torch.lgamma(k + torch.ones_like(mu)),
        (index(5, 2, 3), mid(3)),
    ),
    "poisson_pmf": double(
        rule(ss.poisson.pmf),
        lambda k, mu: torch.exp(k * torch.log(mu) - mu - torch.lgamma(k + torch.ones_like(mu))),
        (index(5, 2, 3), mid(3)),
    ),
    "poisson_cdf": double(
        rule(lambda mu: ss.poisson.cdf(2.5, mu)),
        lambda mu: torch.exp(-mu) * (1 + mu + mu * mu / 2),
        axes(1, kind=mid),
    ),
    "t_logpdf": double(rule(ss.t.logpdf), t_logpdf, t_inputs),
    "t_pdf": double(rule(ss.t.pdf), lambda *x: torch.exp(t_logpdf(*x)), t_inputs),
    "t_cdf": double(
        rule(lambda x, loc: ss.t.cdf(x, 3.0, loc, 1.5)),
        lambda x, loc: t_cdf(3)(x, loc, 1.5),
        pair(near_, near_),
    ),
    "t_logcdf": double(
        rule(lambda x, loc: ss.t.logcdf(x, 1.0, loc, 0.5)),
        lambda x, loc: torch.log(t_cdf(1)(x, loc, 0.5)),
        pair(near_, near_),
    ),
    "dirichlet_logpdf_alpha": double(
        rule(lambda a: ss.dirichlet.logpdf(np.array([0.2, 0.3, 0.5]), a)),
        lambda a: td.Dirichlet(a, validate_args=False).log_prob(
            torch.tensor([0.2, 0.3, 0.5], dtype=a.dtype)
        ),
        (mid(3),),
    ),
    "dirichlet_pdf_alpha": double(
        rule(lambda a: ss.dirichlet.pdf(np.array([0.2, 0.3, 0.5]), a)),
        lambda a: torch.exp(
            td.Dirichlet(a, validate_args=False).log_prob(
                torch.tensor([0.2, 0.3, 0.5], dtype=a.dtype)
            )
        ),
        (mid(3),),
    ),
    "mvn_logpdf": double(rule(ss.multivariate_normal.logpdf), mvn, spd((4, 3))),
    "mvn_logpdf_point": double(rule(ss.multivariate_normal.logpdf), mvn, spd((3,))),
    "mvn_pdf": double(rule(ss.multivariate_normal.pdf), lambda *x: torch.exp(mvn(*x)), spd((2, 3))),
    "mvn_entropy": double(
        rule(lambda c: ss.multivariate_normal.entropy(np.zeros(3), c)),
        lambda c: torch.logdet(c) / 2 + 1.5 * (1 + math.log(2 * math.pi)),
        positive_definite(3, 3),
    ),
}
checks = {**special, **distributions}
