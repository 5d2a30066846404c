"""Fourier transforms of real signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin

_ADJOINT = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
"""The scaling of the inverse transform that makes it the adjoint."""


_NORMS = st.sampled_from(list(_ADJOINT))


def _counts(n: int, dtype: Any) -> Any:
    """How often each frequency of a real signal of length n stands in its full spectrum."""
    counts = np.full(n // 2 + 1, 2, dtype)
    counts[0] = 1
    if n % 2 == 0:
        counts[-1] = 1
    return counts


@dataclass(frozen=True)
class RFFT:
    """Real and imaginary part of the Fourier transform of a real signal."""

    norm: str = "backward"

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        f = np.fft.rfft(x, norm=self.norm)
        return (f.real.copy(), f.imag.copy()), (f.real.copy(), x.shape[-1])

    def backward(self, saved: Any, dy: Any) -> Any:
        real_part, n = saved
        du, dv = (np.zeros_like(real_part) if d is None else d for d in dy)
        g = (du + 1j * dv) / _counts(n, real_part.dtype)
        return {"x": np.fft.irfft(g, n, norm=_ADJOINT[self.norm])}


@cases(RFFT, rank=(1, 3), empty=False)
def rfft(draw: Any, x: Any) -> Any:
    return spec(RFFT(draw(_NORMS)), x=real(*x))


@twin.register
def _(layer: RFFT, x: Any) -> Any:
    f = torch.fft.rfft(x, norm=layer.norm)
    return f.real, f.imag


@dataclass(frozen=True)
class IRFFT:
    """The real signal of length n whose spectrum is u + iv."""

    n: int = 2
    norm: str = "backward"

    def argument_kinds(self, count: int) -> Any:
        return {"u": "real", "v": "real"}

    def forward(self, u: Any, v: Any) -> Any:
        return np.fft.irfft(u + 1j * v, self.n, norm=self.norm), ()

    def backward(self, saved: Any, dy: Any) -> Any:
        g = np.fft.rfft(dy, norm=_ADJOINT[self.norm]) * _counts(self.n, dy.dtype)
        return {"u": g.real.copy(), "v": g.imag.copy()}


@cases(IRFFT, rank=(1, 3), empty=False)
def irfft(draw: Any, x: Any) -> Any:
    n = 2 * x[-1] - 1
    layer = IRFFT(draw(st.sampled_from([n, n - 1 or 1])), draw(_NORMS))
    return spec(layer, u=real(*x), v=real(*x))


@twin.register
def _(layer: IRFFT, u: Any, v: Any) -> Any:
    return torch.fft.irfft(torch.complex(u, v), layer.n, norm=layer.norm)


@dataclass(frozen=True)
class FFTConvolution:
    """y = the whole convolution of x with the kernel k, by Fourier transform."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "k": "param"}

    def forward(self, x: Any, k: Any) -> Any:
        n = x.shape[-1] + k.shape[-1] - 1
        fx, fk = np.fft.rfft(x, n), np.fft.rfft(k, n)
        return np.fft.irfft(fx * fk, n), (fx, fk, x.shape[-1], k.shape[-1])

    def backward(self, saved: Any, dy: Any) -> Any:
        fx, fk, long, short = saved
        n = long + short - 1
        g = np.fft.rfft(dy, n)
        dx = np.fft.irfft(g * fk.conj(), n)[..., :long]
        dk = np.fft.irfft(g * fx.conj(), n)[..., :short]
        return {"x": dx.copy(), "k": dk.sum(axis=tuple(range(dy.ndim - 1)))}


@cases(FFTConvolution, rank=(1, 3), empty=False)
def fft_convolution(draw: Any, x: Any) -> Any:
    return spec(FFTConvolution(), x=real(*x), k=real(draw(st.integers(1, 5))))


@twin.register
def _(layer: FFTConvolution, x: Any, k: Any) -> Any:
    n = x.shape[-1] + k.shape[-1] - 1
    return torch.fft.irfft(torch.fft.rfft(x, n) * torch.fft.rfft(k, n), n)


@dataclass(frozen=True)
class PowerSpectrum:
    """p = |rfft x|²; dx = 2 Re Σ dp F e^{iωn}."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        f = np.fft.rfft(x)
        return f.real * f.real + f.imag * f.imag, (f, x.shape[-1])

    def backward(self, saved: Any, dy: Any) -> Any:
        f, n = saved
        g = 2 * dy * f / _counts(n, dy.dtype)
        return {"x": np.fft.irfft(g, n, norm="forward")}


@cases(PowerSpectrum, rank=(1, 3), empty=False)
def power_spectrum(draw: Any, x: Any) -> Any:
    return spec(PowerSpectrum(), x=real(*x))


@twin.register
def _(layer: PowerSpectrum, x: Any) -> Any:
    f = torch.fft.rfft(x)
    return f.real.square() + f.imag.square()


BUGS = bugs(__name__, {
    "RFFT.backward": [
        ("conjugate", "+ 1j", "- 1j", "x", "the imaginary part's sign"),
        ("half", " / _counts(n, real_part.dtype)", "", "x", "irfft counts frequencies twice"),
        ("norm", "_ADJOINT[self.norm]", "self.norm", "x", "the inverse, not the adjoint"),
        ("odd", "np.fft.irfft(g, n, norm", "np.fft.irfft(g, n - n % 2 or 1, norm",
         "x", "the length is taken to be even"),
    ],
    "IRFFT.backward": [
        ("once", " * _counts(self.n, dy.dtype)", "", "u v", "each frequency counts once"),
        ("norm", "_ADJOINT[self.norm]", "self.norm", "u v", "the inverse, not the adjoint"),
        ("conjugate", "g.imag.copy()", "-g.imag", "v", "the imaginary part's sign"),
        ("nyquist", "_counts(self.n, dy.dtype)",
         "np.where(np.arange(self.n // 2 + 1) > 0, 2, 1).astype(dy.dtype)", "u", "counted twice"),
    ],
    "FFTConvolution.backward": [
        ("conjugate-k", "fk.conj()", "fk", "x", "convolution, not correlation"),
        ("conjugate-x", "fx.conj()", "fx", "k", "convolution, not correlation"),
        ("shift", "n)[..., :long]", "n)[..., n - long :]", "x", "the other end"),
        ("mean", "dk.sum(", "dk.mean(", "k", "the mean over the batch"),
    ],
    "PowerSpectrum.backward": [
        ("two", "2 * dy * f", "dy * f", "x", "the 2 of the square is missing"),
        ("conjugate", "dy * f /", "dy * f.conj() /", "x", "conjugated once too often"),
        ("norm", ', norm="forward"', "", "x", "divided by n, as the inverse is"),
        ("half", " / _counts(n, dy.dtype)", "", "x", "irfft counts twice"),
    ],
})  # fmt: skip
