"""Factors, eigenvalues and singular values of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import invertible, positive_definite, real, spec
from tests.outsiders.common import bugs, cases, mt, twin


@dataclass(frozen=True)
class Cholesky:
    """L Lᵀ = S = (X + Xᵀ) / 2; dS = L⁻ᵀ Φ(Lᵀ dL) L⁻¹, Φ the lower half, its diagonal halved."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        y = np.linalg.cholesky((x + mt(x)) / 2)
        return y, (y,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (y,) = saved
        p = np.tril(mt(y) @ dy)
        p = p - p * np.eye(p.shape[-1], dtype=p.dtype) / 2
        left = np.linalg.solve(mt(y), p)
        ds = mt(np.linalg.solve(mt(y), mt(left)))
        return {"x": (ds + mt(ds)) / 2}


@cases(Cholesky, rank=(1, 3), empty=False)
def cholesky(draw: Any, x: Any) -> Any:
    n = min(x[-1], 6)
    return spec(Cholesky(), x=positive_definite(*x[:-1], n, n))


@twin.register
def _(layer: Cholesky, x: Any) -> Any:
    return torch.linalg.cholesky((x + x.mT) / 2)


@dataclass(frozen=True)
class QR:
    """Q R = A, the first k columns of X; dA = (dQ + Q sym(R dRᵀ − dQᵀ Q)) R⁻ᵀ, sym from below."""

    k: int = 2

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        q, r = np.linalg.qr(x[..., : self.k])
        return (q, r), (q, r)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, r = saved
        dq, dr = (np.zeros_like(o) if d is None else d for o, d in zip(saved, dy, strict=True))
        m = r @ mt(dr) - mt(dq) @ q
        m = np.tril(m) + mt(np.tril(m, -1))
        da = mt(np.linalg.solve(r, mt(dq + q @ m)))
        n = q.shape[-2]
        dx = np.zeros((*q.shape[:-2], n, n), q.dtype)
        dx[..., : self.k] = da
        return {"x": dx}


@cases(QR, rank=(1, 3), empty=False)
def qr(draw: Any, x: Any) -> Any:
    n = min(x[-1], 6)
    return spec(QR(draw(st.integers(1, n))), x=invertible(*x[:-1], n, n))


@twin.register
def _(layer: QR, x: Any) -> Any:
    return tuple(torch.linalg.qr(x[..., : layer.k]))


@dataclass(frozen=True)
class EigenValues:
    """The eigenvalues w of S = (X + Xᵀ) / 2 = V diag(w) Vᵀ; dX = V diag(dw) Vᵀ."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        w, v = np.linalg.eigh((x + mt(x)) / 2)
        return w, (v, w)

    def backward(self, saved: Any, dy: Any) -> Any:
        v, _ = saved
        return {"x": (v * dy[..., None, :]) @ mt(v)}


@cases(EigenValues, rank=(1, 3), empty=False)
def eigen_values(draw: Any, x: Any) -> Any:
    n = min(x[-1], 6)
    domain = draw(st.sampled_from([real, positive_definite]))
    return spec(EigenValues(), x=domain(*x[:-1], n, n))


@twin.register
def _(layer: EigenValues, x: Any) -> Any:
    return torch.linalg.eigvalsh((x + x.mT) / 2)


@dataclass(frozen=True)
class SingularValues:
    """The singular values s of X = U diag(s) Vᵀ; dX = U diag(ds) Vᵀ."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        return s, (u, s, vt)

    def backward(self, saved: Any, dy: Any) -> Any:
        u, _, vt = saved
        return {"x": (u * dy[..., None, :]) @ vt}


@cases(SingularValues, rank=(2, 3), empty=False)
def singular_values(draw: Any, x: Any) -> Any:
    n = min(x[-1], 40)
    return spec(SingularValues(), x=real(*x[:-1], n))


@twin.register
def _(layer: SingularValues, x: Any) -> Any:
    return torch.linalg.svdvals(x)


BUGS = bugs(__name__, {
    "Cholesky.backward": [
        ("diagonal", "p.dtype) / 2", "p.dtype) * 0", "x", "the diagonal is not halved"),
        ("triangle", "np.tril(mt(y) @ dy)", "mt(y) @ dy", "x", "the triangle is not taken"),
        ("symmetric", "(ds + mt(ds)) / 2", "ds", "x", "dS is not symmetrised"),
    ],
    "QR.backward": [
        ("diagonal", "np.tril(m, -1)", "np.tril(m)", "x", "the diagonal is counted twice"),
        ("of-q", " - mt(dq) @ q", "", "x", "the term of dQ in the triangle is missing"),
        ("transpose", "solve(r,", "solve(mt(r),", "x", "R⁻¹ in the place of R⁻ᵀ"),
        ("of-r", "r @ mt(dr)", "mt(r) @ dr", "x", "the product with dR is transposed"),
    ],
    "EigenValues.backward": [
        ("axis", "dy[..., None, :]", "dy[..., :, None]", "x", "scales rows, not columns"),
        ("transpose", "mt(v)", "v", "x", "V in the place of Vᵀ"),
        ("value", "v * dy", "v * saved[1][..., None, :] * dy", "x", "w is a factor too"),
        ("order", "dy[..., None, :]", "dy[..., None, ::-1]", "x", "descending order"),
    ],
    "SingularValues.backward": [
        ("value", "u * dy", "u * saved[1][..., None, :] * dy", "x", "s is a factor too"),
        ("ones", "dy[..., None, :]", "np.sign(dy)[..., None, :]", "x", "sign of dy"),
        ("square", "u * dy", "2 * u * dy", "x", "the derivative of s² for that of s"),
    ],
})  # fmt: skip
