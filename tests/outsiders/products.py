"""Products of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class Kron:
    """Y = A ⊗ B; dA = the sum over each block of dY · B, dB = the sum over the blocks of dY · A."""

    def argument_kinds(self, count: int) -> Any:
        return {"a": "real", "b": "real"}

    def forward(self, a: Any, b: Any) -> Any:
        return np.kron(a, b), (a, b)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, b = saved
        g = dy.reshape(a.shape[0], b.shape[0], a.shape[1], b.shape[1])
        da = np.einsum("prqs,rs->pq", g, b)
        return {"a": da, "b": np.einsum("prqs,pq->rs", g, a)}


@cases(Kron, rank=(2, 2), empty=False)
def kron(draw: Any, x: Any) -> Any:
    return spec(Kron(), a=real(*x), b=real(draw(st.integers(1, 4)), draw(st.integers(1, 4))))


@twin.register
def _(layer: Kron, a: Any, b: Any) -> Any:
    return torch.kron(a, b)


@dataclass(frozen=True)
class BilinearForm:
    """y = xᵀ A z for each example, by einsum."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "a": "param", "z": "real"}

    def forward(self, x: Any, a: Any, z: Any) -> Any:
        return np.einsum("...i,ij,...j->...", x, a, z), (x, a, z)

    def backward(self, saved: Any, dy: Any) -> Any:
        x, a, z = saved
        dyx, dyz = dy[..., None] * x, dy[..., None] * z
        da = np.einsum("ni,nj->ij", dyx.reshape(-1, x.shape[-1]), z.reshape(-1, z.shape[-1]))
        return {"x": dyz @ a.T, "a": da, "z": dyx @ a}


@cases(BilinearForm, rank=(1, 3), empty=False)
def bilinear_form(draw: Any, x: Any) -> Any:
    n = draw(st.integers(1, 5))
    return spec(BilinearForm(), x=real(*x), a=real(x[-1], n), z=real(*x[:-1], n))


@twin.register
def _(layer: BilinearForm, x: Any, a: Any, z: Any) -> Any:
    return torch.einsum("...i,ij,...j->...", x, a, z)


BUGS = bugs(__name__, {
    "Kron.backward": [
        ("layout", "b.shape[0], a.shape[1], b.shape[1]",
         "a.shape[1], b.shape[0], b.shape[1]).swapaxes(1, 2", "a b", "blocks one after the other"),
        ("mean", '"prqs,rs->pq", g, b)', '"prqs,rs->pq", g, b) / b.size', "a", "mean, not sum"),
        ("first-block", 'np.einsum("prqs,pq->rs", g, a)', "g[0, :, 0, :] * a[0, 0]",
         "b", "the sum over the blocks is missing"),
    ],
    "BilinearForm.backward": [
        ("symmetric", "da = np", "da = 2 * np", "a", "the factor 2 of a quadratic form"),
        ("batch", '"ni,nj->ij", dyx.reshape(-1, x.shape[-1])',
         '"ni,nj->ij", np.broadcast_to(dyx.reshape(-1, x.shape[-1])[:1], (dy.size, x.shape[-1]))',
         "a", "every example is given the first one's cotangent and x"),
        ("wrong-saved", "dyx @ a", "(dyx @ a) * dy[..., None]", "z", "dy counts twice"),
    ],
})  # fmt: skip
