"""Inverses and systems of linear equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import torch
from hypothesis import strategies as st

from gradproof import invertible, real, spec
from tests.outsiders.common import bugs, cases, mt, twin


@dataclass(frozen=True)
class Inverse:
    """Y = X⁻¹; dX = −Yᵀ dY Yᵀ."""

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        y = np.linalg.inv(x)
        return y, (y,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (y,) = saved
        return {"x": -(mt(y) @ dy @ mt(y))}


@cases(Inverse, rank=(1, 3), empty=False)
def inverse(draw: Any, x: Any) -> Any:
    n = min(x[-1], 6)
    return spec(Inverse(), x=invertible(*x[:-1], n, n))


@twin.register
def _(layer: Inverse, x: Any) -> Any:
    return torch.linalg.inv(x)


@dataclass(frozen=True)
class Solve:
    """A Y = B; dB = A⁻ᵀ dY, dA = −dB Yᵀ."""

    def argument_kinds(self, count: int) -> Any:
        return {"a": "real", "b": "real"}

    def forward(self, a: Any, b: Any) -> Any:
        y = np.linalg.solve(a, b)
        return y, (a, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, y = saved
        db = np.linalg.solve(mt(a), dy)
        return {"a": -(db @ mt(y)), "b": db}


@cases(Solve, rank=(2, 3), empty=False)
def solve(draw: Any, x: Any) -> Any:
    n = min(x[-2], 6)
    return spec(Solve(), a=invertible(*x[:-2], n, n), b=real(*x[:-2], n, x[-1]))


@twin.register
def _(layer: Solve, a: Any, b: Any) -> Any:
    return torch.linalg.solve(a, b)


@dataclass(frozen=True)
class PseudoInverse:
    """P = A⁺, A the first k columns of X, of full rank; dA = −Pᵀ dP Pᵀ + (I − A P) dPᵀ P Pᵀ."""

    k: int = 2

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        a = x[..., : self.k]
        p = np.linalg.pinv(a)
        return p, (a, p)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, p = saved
        n = a.shape[-2]
        outside = np.eye(n, dtype=a.dtype) - a @ p
        dx = np.zeros((*a.shape[:-2], n, n), a.dtype)
        dx[..., : self.k] = outside @ mt(dy) @ (p @ mt(p)) - mt(p) @ dy @ mt(p)
        return {"x": dx}


@cases(PseudoInverse, rank=(1, 3), empty=False)
def pseudo_inverse(draw: Any, x: Any) -> Any:
    n = min(x[-1], 6)
    return spec(PseudoInverse(draw(st.integers(1, n))), x=invertible(*x[:-1], n, n))


@twin.register
def _(layer: PseudoInverse, x: Any) -> Any:
    return torch.linalg.pinv(x[..., : layer.k])


@dataclass(frozen=True)
class LeastSquares:
    """Y = argmin |A Y − B|, A the first k columns of X; dB = Pᵀ dY, P = A⁺,
    dA = (B − A Y) (P Pᵀ dY)ᵀ − dB Yᵀ.
    """

    k: int = 2

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real", "b": "real"}

    def forward(self, x: Any, b: Any) -> Any:
        a = x[..., : self.k]
        q, r = np.linalg.qr(a)
        y = np.linalg.solve(r, mt(q) @ b)
        return y, (q, r, y, b - a @ y)

    def backward(self, saved: Any, dy: Any) -> Any:
        q, r, y, residual = saved
        z = np.linalg.solve(mt(r), dy)
        db = q @ z
        n = q.shape[-2]
        dx = np.zeros((*q.shape[:-2], n, n), q.dtype)
        dx[..., : self.k] = residual @ mt(np.linalg.solve(r, z)) - db @ mt(y)
        return {"x": dx, "b": db}


@cases(LeastSquares, rank=(2, 3), empty=False)
def least_squares(draw: Any, x: Any) -> Any:
    n = min(x[-2], 6)
    layer = LeastSquares(draw(st.integers(1, n)))
    return spec(layer, x=invertible(*x[:-2], n, n), b=real(*x[:-2], n, x[-1]))


@twin.register
def _(layer: LeastSquares, x: Any, b: Any) -> Any:
    a = x[..., : layer.k]  # the default, gelsy, does not give the same twice
    return torch.linalg.lstsq(a, b, driver="gels").solution


@dataclass(frozen=True)
class TriangularSolve:
    """T Y = B, T a triangle of A; dB = T⁻ᵀ dY, dA = that triangle of −dB Yᵀ."""

    upper: bool = True
    unit: bool = False

    def argument_kinds(self, count: int) -> Any:
        return {"a": "real", "b": "real"}

    def _triangle(self, a: Any) -> Any:
        """The entries that count: without the diagonal if it is taken to be 1."""
        return np.triu(a, int(self.unit)) if self.upper else np.tril(a, -int(self.unit))

    def _substitute(self, a: Any, b: Any, transposed: bool = False) -> Any:
        return scipy.linalg.solve_triangular(
            a, b, trans=int(transposed), lower=not self.upper, unit_diagonal=self.unit
        )

    def forward(self, a: Any, b: Any) -> Any:
        y = self._substitute(a, b)
        return y, (a, y)

    def backward(self, saved: Any, dy: Any) -> Any:
        a, y = saved
        db = self._substitute(a, dy, transposed=True)
        return {"a": self._triangle(-db @ mt(y)), "b": db}


@cases(TriangularSolve, rank=(2, 3), empty=False)
def triangular_solve(draw: Any, x: Any) -> Any:
    n = min(x[-2], 6)
    layer = TriangularSolve(draw(st.booleans()), draw(st.booleans()))
    return spec(layer, a=invertible(*x[:-2], n, n), b=real(*x[:-2], n, x[-1]))


@twin.register
def _(layer: TriangularSolve, a: Any, b: Any) -> Any:
    return torch.linalg.solve_triangular(a, b, upper=layer.upper, unitriangular=layer.unit)


BUGS = bugs(__name__, {
    "Inverse.backward": [
        ("sign", "-(mt(y)", "(mt(y)", "x", "the minus sign of d(X⁻¹) is forgotten"),
        ("first", "-(mt(y)", "-(y", "x", "the first inverse is not transposed"),
        ("last", "dy @ mt(y)", "dy @ y", "x", "the last inverse is not transposed"),
    ],
    "Solve.backward": [
        ("transpose", "solve(mt(a), dy)", "solve(a, dy)", "a b", "solves with A, not with Aᵀ"),
        ("sign", "-(db", "(db", "a", "the minus sign in dA is forgotten"),
        ("cotangent", "(db @", "(dy @", "a", "dY is used where dB belongs"),
    ],
    "PseudoInverse.backward": [
        ("square", "outside @ mt(dy) @ (p @ mt(p)) - mt(p)", "-mt(p)",
         "x", "the rule of the inverse, for a matrix that is not square"),
        ("sign", "(p @ mt(p)) - mt(p)", "(p @ mt(p)) + mt(p)", "x", "a wrong sign"),
        ("outside", "- a @ p", "- mt(a @ p) * 0", "x", "the projector is the identity"),
    ],
    "LeastSquares.backward": [
        ("residual", "residual @ mt(np.linalg.solve(r, z)) - db", "-db",
         "x", "the residual's term is missing, as if A were square"),
        ("sign", " - db @", " + db @", "x", "the second term has the wrong sign"),
        ("transpose", "solve(mt(r), dy)", "solve(r, dy)", "x b", "R, not Rᵀ"),
        ("once", "mt(np.linalg.solve(r, z))", "mt(z)", "x", "R⁻¹ is left out once"),
    ],
    "TriangularSolve.backward": [
        ("triangle", "self._triangle(-db @ mt(y))", "-db @ mt(y)",
         "a", "the other triangle of A has a gradient as well"),
        ("diagonal", "self._triangle", "np.triu(-db @ mt(y)) if self.upper else np.tril",
         "a", "the diagonal that is taken to be 1 has a gradient"),
        ("transpose", "transposed=True", "transposed=False", "a b", "T, not Tᵀ"),
        ("lower", "a, dy", "mt(a), dy", "a b", "the other triangle is solved with"),
    ],
})  # fmt: skip
