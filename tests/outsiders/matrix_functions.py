"""Determinants, the exponential and the root of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import invertible, positive_definite, real, spec
from tests.outsiders.common import bugs, cases, mt, twin


@dataclass(frozen=True)
class Det:
    """y = det X; dX = dy · the cofactors, which exist for singular matrices as well."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        return np.linalg.det(x), (x,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (x,) = saved
        n = x.shape[-1]
        dx = np.empty(x.shape, x.dtype)
        others = [np.delete(np.arange(n), i) for i in range(n)]
        for i in range(n):
            for j in range(n):
                minor = np.linalg.det(x[..., others[i][:, None], others[j]])
                dx[..., i, j] = (-1) ** (i + j) * minor * dy
        return {"x": dx}


@cases(Det, rank=(1, 3), empty=False)
def det(draw: Any, x: Any) -> Any:
    n = min(x[-1], 4)
    domain = draw(st.sampled_from([invertible, real]))
    return spec(Det(), x=domain(*x[:-1], n, n))


@twin.register
def _(layer: Det, x: Any) -> Any:
    return torch.linalg.det(x)


@dataclass(frozen=True)
class SlogDet:
    """(sign, log |det X|); dX = d log · X⁻ᵀ; the sign is constant."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        sign, log = np.linalg.slogdet(x)
        return (sign, log), (x, sign)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, _ = saved
        dlog = np.zeros(x.shape[:-2], x.dtype) if dy[1] is None else dy[1]
        return {"x": dlog[..., None, None] * mt(np.linalg.inv(x))}


@cases(SlogDet, rank=(1, 3), empty=False)
def slogdet(draw: Any, x: Any) -> Any:
    n = min(x[-1], 6)
    return spec(SlogDet(), x=invertible(*x[:-1], n, n))


@twin.register
def _(layer: SlogDet, x: Any) -> Any:
    return tuple(torch.linalg.slogdet(x))


def _expm(x: Any) -> Any:
    """exp X by the power series of X / 2ˢ, squared s times."""
    norm = np.abs(x).sum(axis=-1).max(axis=-1)
    steps = np.ceil(np.log2(np.maximum(norm, 1))).astype(int)[..., None, None]
    scaled = np.ldexp(x, -steps)
    one = y = np.eye(x.shape[-1], dtype=x.dtype)
    for k in range(18, 0, -1):
        y = one + scaled @ y / k
    for step in range(steps.max()):
        y = np.where(step < steps, y @ y, y)
    return y


@dataclass(frozen=True)
class MatrixExp:
    """Y = exp X; dX is the upper right block of exp of ((Xᵀ, dY), (0, Xᵀ))."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        return _expm(x), (x,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (x,) = saved
        n = x.shape[-1]
        size = np.abs(dy).max(axis=(-1, -2), keepdims=True)
        size = np.where(size > 0, size, 1)  # the block's size shall not decide the number of steps
        block = np.zeros((*x.shape[:-2], 2 * n, 2 * n), x.dtype)
        block[..., :n, :n] = block[..., n:, n:] = mt(x)
        block[..., :n, n:] = dy / size
        return {"x": _expm(block)[..., :n, n:] * size}


@cases(MatrixExp, rank=(1, 2), empty=False)
def matrix_exp(draw: Any, x: Any) -> Any:
    n, batch = min(x[-1], 4), [min(k, 16) for k in x[:-1]]
    domain = draw(st.sampled_from([real, invertible]))
    return spec(MatrixExp(), x=domain(*batch, n, n))


@twin.register
def _(layer: MatrixExp, x: Any) -> Any:
    return torch.linalg.matrix_exp(x)


@dataclass(frozen=True)
class MatrixSqrt:
    """Y Y = S = (X + Xᵀ) / 2; dS = V (Vᵀ dY V / (√wᵢ + √wⱼ)) Vᵀ with S = V diag(w) Vᵀ."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        w, v = np.linalg.eigh((x + mt(x)) / 2)
        s = np.sqrt(w)
        return (v * s[..., None, :]) @ mt(v), (v, s)

    def backward(self, saved: Any, dy: Any) -> Any:
        v, s = saved
        inner = (mt(v) @ dy @ v) / (s[..., :, None] + s[..., None, :])
        ds = v @ inner @ mt(v)
        return {"x": (ds + mt(ds)) / 2}


@cases(MatrixSqrt, rank=(1, 3), empty=False)
def matrix_sqrt(draw: Any, x: Any) -> Any:
    n = min(x[-1], 6)
    return spec(MatrixSqrt(), x=positive_definite(*x[:-1], n, n))


@twin.register
def _(layer: MatrixSqrt, x: Any) -> Any:
    w, v = torch.linalg.eigh((x + x.mT) / 2)
    return (v * w.sqrt().unsqueeze(-2)) @ v.mT


BUGS = bugs(__name__, {
    "Det.backward": [
        ("signs", "(-1) ** (i + j) * minor", "minor", "x", "cofactors without their signs"),
        ("transpose", "dx[..., i, j]", "dx[..., j, i]", "x", "the adjugate, not the cofactors"),
        ("cotangent", "minor * dy", "minor", "x", "the cotangent is taken to be 1"),
    ],
    "SlogDet.backward": [
        ("transpose", "mt(np.linalg.inv(x))", "np.linalg.inv(x)", "x", "X⁻¹, not X⁻ᵀ"),
        ("output", "else dy[1]", "else dy[0]", "x", "the cotangent of another output"),
        ("sign", "mt(np.linalg.inv(x))", "mt(np.linalg.inv(x)) * saved[1][..., None, None]",
         "x", "log |det| is taken for log det times its sign"),
    ],
    "MatrixExp.backward": [
        ("transpose", "= mt(x)", "= x", "x", "the adjoint takes Xᵀ"),
        ("cotangent", "dy / size", "mt(dy) / size", "x", "the cotangent is transposed"),
        ("commuting", "_expm(block)[..., :n, n:] * size", "mt(_expm(x)) @ dy",
         "x", "d exp X = exp X dX, which is right only for matrices that commute"),
    ],
    "MatrixSqrt.backward": [
        ("one-root", "(s[..., :, None] + s[..., None, :])", "(2 * s[..., None, :])",
         "x", "the scalar rule dy / (2 √w), column by column"),
        ("basis", "(mt(v) @ dy @ v)", "(v @ dy @ mt(v))", "x", "V and Vᵀ exchanged"),
        ("symmetric", "(ds + mt(ds)) / 2", "ds", "x", "dS is not symmetrised"),
    ],
})  # fmt: skip
