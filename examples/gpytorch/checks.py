"""Gradients of gpytorch 1.15.2 and linear_operator 0.6.1, against PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import linear_operator
import torch
from gpytorch.functions import MaternCovariance, RBFCovariance, log_normal_cdf
from gpytorch.kernels.kernel import sq_dist
from linear_operator import operators as ops
from torch import Tensor

from gradproof import Check, positive_definite, real, uniform

torch.set_default_dtype(torch.float64)
L = linear_operator
Fn = Callable[..., Any]


def far(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances, exactly: of differences, not of scalar products."""
    return ((x[..., :, None, :] - y[..., None, :, :]) ** 2).sum(-1).sqrt()


def kernel(f: Fn, *rest: Any) -> Fn:
    """Of the lengthscale only: the two point sets are fixed, as the functions demand."""
    return lambda scale: f(POINTS[0], POINTS[1], scale, *rest)


POINTS = torch.linspace(-1, 1, 6).view(3, 2), torch.linspace(-2, 1.5, 8).view(4, 2)
SCALE = uniform(0.5, 2, 1, 1)
SCALES = uniform(0.5, 2, 2, 1, 1)


def rbf(scale: Tensor) -> Tensor:
    p, q = (x.to(scale.dtype) for x in POINTS)
    return (-(far(p, q) / scale).square() / 2).exp()


def matern(nu: float) -> Fn:
    def f(scale: Tensor) -> Tensor:
        p, q = (x.to(scale.dtype) for x in POINTS)
        d = far(p, q) / scale * math.sqrt(2 * nu)
        return {0.5: 1.0, 1.5: 1 + d, 2.5: 1 + d + d * d / 3}[nu] * (-d).exp()

    return f


def symmetric(a: Tensor) -> Tensor:
    return (a + a.mT) / 2


def on(f: Fn) -> Fn:
    """A function of a linear operator, as one of its dense matrix."""
    return lambda a, *rest: f(ops.DenseLinearOperator(a), *rest)


def pd(f: Fn) -> Fn:
    """Of a symmetric matrix, whatever matrix is given: only one triangle may be read."""
    return lambda a, *rest: f(symmetric(a), *rest)


def square(root: Tensor) -> Tensor:
    return root @ root.mT


PD, PDS = positive_definite(4, 4), positive_definite(2, 4, 4)
D64 = ("float64",)


def quad(a: Tensor, b: Tensor) -> Tensor:
    return (b * torch.linalg.solve(a, b)).sum(-2)


def toeplitz(c: Tensor) -> Tensor:
    n = c.shape[-1]
    i = torch.arange(n)
    return c[..., (i[:, None] - i[None, :]).abs()]


def kron(a: Tensor, b: Tensor) -> Tensor:
    out = a[..., :, None, :, None] * b[..., None, :, None, :]
    n, m = a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1]
    return out.reshape(*out.shape[:-4], n, m)


checks = {
    "log_normal_cdf": Check(log_normal_cdf, torch.special.log_ndtr, (uniform(-1, 4, 6),)),
    "log_normal_cdf_tail": Check(log_normal_cdf, torch.special.log_ndtr, (uniform(-20, -1, 6),)),
    "rbf": Check(kernel(RBFCovariance.apply, sq_dist), rbf, (SCALE,), dtypes=D64),
    "rbf_batch": Check(kernel(RBFCovariance.apply, sq_dist), rbf, (SCALES,), dtypes=D64),
    "rbf_exact": Check(
        kernel(RBFCovariance.apply, lambda p, q: far(p, q) ** 2), rbf, (SCALE,), dtypes=D64
    ),
    "solve": Check(pd(on(L.solve)), pd(torch.linalg.solve), (PD, real(4, 2))),
    "solve_vector": Check(pd(on(L.solve)), pd(torch.linalg.solve), (PD, real(4))),
    "solve_batch": Check(pd(on(L.solve)), pd(torch.linalg.solve), (PDS, real(2, 4, 3))),
    "solve_batch_shared": Check(pd(on(L.solve)), pd(torch.linalg.solve), (PD, real(2, 4, 3))),
    "solve_left": Check(
        pd(on(L.solve)),
        pd(lambda a, b, c: c @ torch.linalg.solve(a, b)),
        (PD, real(4, 2), real(3, 4)),
    ),
    "inv_quad": Check(
        on(lambda a, b: a.inv_quad(b)), lambda a, b: quad(a, b).sum(-1), (PD, real(4, 2))
    ),
    "inv_quad_vector": Check(
        pd(on(lambda a, b: a.inv_quad(b))), pd(lambda a, b: quad(a, b[:, None])[0]), (PD, real(4))
    ),
    "inv_quad_each": Check(
        pd(on(lambda a, b: a.inv_quad(b, reduce_inv_quad=False))), pd(quad), (PDS, real(2, 4, 3))
    ),
    "inv_quad_logdet": Check(
        pd(on(lambda a, b: a.inv_quad_logdet(b, logdet=True))),
        pd(lambda a, b: (quad(a, b).sum(-1), torch.linalg.slogdet(a)[1])),
        (PD, real(4, 2)),
    ),
    "logdet_batch": Check(
        pd(on(lambda a: a.logdet())), pd(lambda a: torch.linalg.slogdet(a)[1]), (PDS,)
    ),
    "matmul": Check(on(lambda a, b: a @ b), torch.matmul, (real(3, 4), real(4, 2))),
    "matmul_vector": Check(on(lambda a, b: a @ b), torch.matmul, (real(3, 4), real(4))),
    "matmul_batch": Check(on(lambda a, b: a @ b), torch.matmul, (real(2, 3, 4), real(2, 4, 2))),
    "matmul_shared": Check(on(lambda a, b: a @ b), torch.matmul, (real(3, 4), real(2, 4, 2))),
    "matmul_left": Check(on(lambda a, b: b @ a), lambda a, b: b @ a, (real(3, 4), real(2, 3))),
    "toeplitz_matmul": Check(
        lambda c, b: ops.ToeplitzLinearOperator(c) @ b,
        lambda c, b: toeplitz(c) @ b,
        (real(5), real(5, 2)),
    ),
    "toeplitz_matmul_batch": Check(
        lambda c, b: ops.ToeplitzLinearOperator(c) @ b,
        lambda c, b: toeplitz(c) @ b,
        (real(2, 5), real(2, 5, 2)),
    ),
    "diag_matmul": Check(
        lambda d, b: ops.DiagLinearOperator(d) @ b,
        lambda d, b: d[..., None] * b,
        (real(4), real(4, 2)),
    ),
    "root_matmul": Check(
        lambda r, b: ops.RootLinearOperator(r) @ b,
        lambda r, b: r @ (r.mT @ b),
        (real(4, 2), real(4, 3)),
    ),
    "kronecker_matmul": Check(
        lambda a, b, c: (
            ops.KroneckerProductLinearOperator(
                ops.DenseLinearOperator(a), ops.DenseLinearOperator(b)
            )
            @ c
        ),
        lambda a, b, c: kron(a, b) @ c,
        (real(2, 2), real(3, 3), real(6, 2)),
    ),
    "low_rank_added_diag_solve": Check(
        lambda r, d, b: L.solve(ops.LowRankRootLinearOperator(r).add_diagonal(d), b),
        lambda r, d, b: torch.linalg.solve(r @ r.mT + torch.diag(d), b),
        (real(4, 2), uniform(0.5, 2, 4), real(4, 3)),
    ),
    "added_diag_inv_quad_logdet": Check(
        pd(on(lambda a, d, b: a.add_diagonal(d).inv_quad_logdet(b, logdet=True))),
        pd(
            lambda a, d, b: (
                quad(a + torch.diag(d), b).sum(-1),
                torch.linalg.slogdet(a + torch.diag(d))[1],
            )
        ),
        (PD, uniform(0.5, 2, 4), real(4, 2)),
    ),
    "pivoted_cholesky": Check(
        pd(on(lambda a: square(L.pivoted_cholesky(a, rank=4)))),
        pd(lambda a: square(torch.linalg.cholesky(a))),
        (PD,),
    ),
}
for nu in (0.5, 1.5, 2.5):
    for name, scale in (("", SCALE), ("_batch", SCALES)):
        checks[f"matern_{nu}{name}".replace(".", "")] = Check(
            kernel(MaternCovariance.apply, nu, far), matern(nu), (scale,), dtypes=D64
        )
