"""Gradients of JAX 0.10.2, against PyTorch's: jax.numpy and jax.numpy.fft."""

from __future__ import annotations

import jax.numpy as jnp
import torch
import torch.nn.functional as F
from glue import of
from jax import scipy as jsp

from gradproof import Check, choice, invertible, mask, positive, real, uniform

X = (real(3, 4),)
TIES = "equal values share the gradient in another way"


def parts(z):
    """Real and imaginary part of what is complex."""
    return z.real, z.imag


def tparts(z):
    z = torch.view_as_real(z.resolve_conj().contiguous())
    return z[..., 0], z[..., 1]


def fft(name, **o):
    """A transform of real numbers, and torch's."""
    torch_names = {"axis": "dim", "axes": "dim", "n": "n", "norm": "norm", "s": "s"}
    there = {torch_names[k]: v for k, v in o.items()}
    return (
        of(lambda x: parts(getattr(jnp.fft, name)(x, **o))),
        lambda x: tparts(getattr(torch.fft, name)(x, **there)),
    )


def back(name, **o):
    """The same of complex numbers, to real ones if the transform's name says so."""
    there = {{"axis": "dim"}.get(k, k): v for k, v in o.items()}

    def out(z):
        return tparts(z) if z.is_complex() else z

    def mine(z):
        return parts(z) if jnp.iscomplexobj(z) else z

    return (
        of(lambda x, z: mine(getattr(jnp.fft, name)(x + 1j * z, **o))),
        lambda x, z: out(getattr(torch.fft, name)(torch.complex(x, z), **there)),
    )


checks = {
    # jax.numpy
    "var": Check(of(jnp.var, axis=0, ddof=1), lambda x: x.var(0), (uniform(-3, 3, 4, 3),)),
    "std": Check(of(jnp.std, axis=1), lambda x: x.std(1, unbiased=False), (invertible(4, 4),)),
    "var_where": Check(
        of(lambda x, m: jnp.var(x, axis=1, where=m != 0)),
        lambda x, m: (m * (x - ((m * x).sum(1) / m.sum(1))[:, None]) ** 2).sum(1) / m.sum(1),
        (uniform(-3, 3, 3, 4), mask(3, 4)),
    ),
    "nanvar": Check(
        of(jnp.nanvar, axis=1), lambda x: x.var(1, unbiased=False), (uniform(-3, 3, 3, 4),)
    ),
    "cov": Check(of(jnp.cov), torch.cov, (uniform(-3, 3, 3, 5),)),
    "corrcoef": Check(of(jnp.corrcoef), torch.corrcoef, (invertible(4, 4),)),
    "median": Check(
        of(jnp.median, axis=1),
        lambda x: x.quantile(0.5, 1),
        (uniform(-3, 3, 3, 6),),
        conventions=TIES,
    ),
    "quantile": Check(
        of(jnp.quantile, q=0.3, axis=0),
        lambda x: x.quantile(0.3, 0),
        (uniform(-3, 3, 6, 2),),
        conventions=TIES,
    ),
    "nanmedian": Check(
        of(jnp.nanmedian, axis=1),
        lambda x: x.quantile(0.5, 1),
        (uniform(-3, 3, 3, 6),),
        conventions=TIES,
    ),
    "ptp": Check(of(jnp.ptp, axis=1), lambda x: x.amax(1) - x.amin(1), X, conventions=TIES),
    "nanprod": Check(of(jnp.nanprod, axis=1), lambda x: x.prod(1), X),
    "logaddexp": Check(of(jnp.logaddexp), torch.logaddexp, (real(3, 4), real(4))),
    "logaddexp2": Check(of(jnp.logaddexp2), torch.logaddexp2, (real(3, 4), real(4))),
    "hypot": Check(of(jnp.hypot), torch.hypot, (positive(3, 4), real(4))),
    "sinc": Check(of(jnp.sinc), torch.sinc, X),
    "exp2": Check(of(jnp.exp2), torch.exp2, X),
    "deg2rad": Check(of(jnp.deg2rad), torch.deg2rad, X),
    "copysign": Check(
        of(jnp.copysign),
        torch.copysign,
        (positive(3, 4), choice((-1.0, 2.0), 3, 4)),
    ),
    "frexp": Check(of(lambda x: jnp.frexp(x)[0]), lambda x: x / 4, (uniform(2.1, 3.9, 5),)),
    "ldexp": Check(of(lambda x: jnp.ldexp(x, 3)), lambda x: x * 8, X),
    "trapezoid": Check(
        of(jnp.trapezoid), torch.trapezoid, (real(3, 4), real(3, 4)), names=("f", "x")
    ),
    "gradient": Check(of(jnp.gradient), lambda x: torch.gradient(x)[0], (real(5),)),
    "convolve": Check(
        of(jnp.convolve, mode="same"),
        lambda a, v: F.conv1d(F.pad(a, (1, 1))[None, None], v.flip(0)[None, None])[0, 0],
        (real(6), real(3)),
    ),
    "polyval": Check(
        of(jnp.polyval), lambda p, x: (p[0] * x + p[1]) * x + p[2], (real(3), real(4))
    ),
    "kron": Check(of(jnp.kron), torch.kron, (real(2, 3), real(3, 2))),
    "unwrap": Check(of(jnp.unwrap), lambda x: x * 1, (uniform(-1, 1, 5),)),
    "angle": Check(
        of(lambda x, z: jnp.angle(x + 1j * z)),
        lambda x, z: torch.atan2(z, x),
        (positive(5), real(5)),
    ),
    "abs_complex": Check(
        of(lambda x, z: jnp.abs(x + 1j * z)),
        lambda x, z: torch.complex(x, z).abs(),
        (positive(5), real(5)),
    ),
    "trace": Check(
        of(lambda a: jnp.trace(a, offset=1)), lambda a: a.diagonal(1).sum(), (real(3, 4),)
    ),
    # transforms
    "fft": Check(*fft("fft", n=7, axis=0, norm="ortho"), (real(5, 3),)),
    "rfft": Check(*fft("rfft", n=8), (real(2, 5),)),
    "rfft_odd": Check(*fft("rfft", n=5, norm="forward"), (real(2, 7),)),
    "fft2": Check(*fft("fft2"), (real(2, 3, 4),)),
    "rfftn": Check(*fft("rfftn", axes=(2, 0)), (real(3, 2, 5),)),
    "ihfft": Check(*fft("ihfft", n=6), (real(2, 5),)),
    "ifft": Check(*back("ifft", n=4), (real(2, 5), real(2, 5))),
    "irfft": Check(*back("irfft", n=8), (real(2, 5), real(2, 5))),
    "irfft_odd": Check(*back("irfft", n=7, norm="ortho"), (real(2, 5), real(2, 5))),
    "irfft_longer": Check(*back("irfft", n=12), (real(2, 5), real(2, 5))),
    "hfft": Check(*back("hfft", n=7), (real(2, 4), real(2, 4))),
    "irfft2": Check(*back("irfft2"), (real(2, 3, 4), real(2, 3, 4))),
    "dct": Check(
        of(jsp.fft.dct),
        lambda x: (
            2
            * x
            @ torch.cos(
                torch.pi / 10 * (2 * torch.arange(5) + 1)[:, None].double() * torch.arange(5)
            ).to(x)
        ),
        (real(2, 5),),
    ),
}
