"""Gradients of JAX 0.10.2, against PyTorch's: linear algebra, jax.numpy and jax.numpy.fft."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
import torch
from glue import of
from jax import lax
from jax import scipy as jsp

from gradproof import Check, invertible, positive, positive_definite, real, uniform

tl = torch.linalg
nl = jnp.linalg
A, SPD = (invertible(2, 4, 4),), (positive_definite(2, 4, 4),)
AB = (invertible(4, 4), real(4, 2))
X = (real(3, 4),)
TIES = "equal values share the gradient in another way"


def leibniz(a: torch.Tensor) -> torch.Tensor:
    """The determinant by its definition, which is right for singular matrices."""
    n = a.shape[-1]
    total = 0
    for p in itertools.permutations(range(n)):
        sign = round(np.linalg.det(np.eye(n)[list(p)]))
        total = total + sign * torch.stack([a[..., i, j] for i, j in enumerate(p)], -1).prod(-1)
    return total


def sym(a):
    """The symmetric part: what is above the diagonal does not matter to everybody."""
    return (a + a.mT) / 2


def ranks(values):
    """1, 2, 3, 4, of the kind of some values."""
    given = np.arange(1, 5)
    return torch.tensor(given).to(values) if isinstance(values, torch.Tensor) else given


def projectors(w, v):
    """Of eigenvectors what does not depend on their signs."""
    return w, (v * ranks(w)) @ v.mT


def pieces(u, s, vh):
    return s, (u * ranks(s)) @ vh


def polar(a):
    u, _, vh = tl.svd(a)
    return u @ vh


def triangular(a, b, **o):
    return lax.linalg.triangular_solve(a, b, **o)


checks = {
    # determinants and inverses
    "det": Check(of(nl.det), tl.det, A),
    "det_3": Check(of(nl.det), leibniz, (real(2, 3, 3),)),
    "det_singular": Check(
        of(lambda c, a: nl.det(jnp.concatenate([a, c], 1))),
        lambda c, a: leibniz(torch.cat([a, c], 1)),
        (uniform(0, 0, 4, 1), real(4, 3)),
    ),
    "det_singular_first": Check(
        of(lambda c, a: nl.det(jnp.concatenate([c, a], 1))),
        lambda c, a: leibniz(torch.cat([c, a], 1)),
        (uniform(0, 0, 4, 1), real(4, 3)),
    ),
    "slogdet": Check(of(lambda a: nl.slogdet(a)[1]), lambda a: tl.slogdet(a)[1], A),
    "slogdet_2": Check(
        of(lambda a: nl.slogdet(a)[1]), lambda a: tl.slogdet(a)[1], (invertible(2, 2),)
    ),
    "slogdet_qr": Check(of(lambda a: nl.slogdet(a, method="qr")[1]), lambda a: tl.slogdet(a)[1], A),
    "inv": Check(of(nl.inv), tl.inv, A),
    "pinv": Check(of(nl.pinv), tl.pinv, A),
    "pinv_wide": Check(
        of(lambda a, b: nl.pinv(jnp.concatenate([a, b], 1))),
        lambda a, b: tl.pinv(torch.cat([a, b], 1)),
        AB,
    ),
    "pinv_tall": Check(
        of(lambda a, b: nl.pinv(jnp.concatenate([a, b], 1).T)),
        lambda a, b: tl.pinv(torch.cat([a, b], 1).T),
        AB,
    ),
    "pinv_hermitian": Check(
        of(lambda a: nl.pinv(a, hermitian=True)), lambda a: tl.inv(sym(a)), SPD
    ),
    "solve": Check(of(nl.solve), tl.solve, AB),
    "solve_vector": Check(of(nl.solve), tl.solve, (invertible(4, 4), real(4))),
    "lstsq": Check(
        of(lambda a, c, b: nl.lstsq(jnp.concatenate([a, c]), b)[0]),
        lambda a, c, b: tl.pinv(torch.cat([a, c])) @ b,
        (invertible(3, 3), real(2, 3), real(5)),
    ),
    "matrix_power": Check(of(nl.matrix_power, n=3), lambda a: tl.matrix_power(a, 3), A),
    "matrix_power_negative": Check(of(nl.matrix_power, n=-2), lambda a: tl.matrix_power(a, -2), A),
    "multi_dot": Check(
        of(lambda a, b, c: nl.multi_dot([a, b, c])),
        lambda a, b, c: a @ b @ c,
        (real(2, 5), real(5, 3), real(3, 4)),
    ),
    "tensorsolve": Check(
        of(lambda a, b: nl.tensorsolve(a.reshape(2, 2, 4), b.reshape(2, 2))),
        tl.solve,
        (invertible(4, 4), real(4)),
    ),
    # factors
    "cholesky": Check(of(nl.cholesky), lambda a: tl.cholesky(sym(a)), SPD),
    "cholesky_upper": Check(of(nl.cholesky, upper=True), lambda a: tl.cholesky(sym(a)).mT, SPD),
    "eigh": Check(
        of(lambda a: projectors(*nl.eigh(a))), lambda a: projectors(*tl.eigh(sym(a))), SPD
    ),
    "eigvalsh": Check(of(nl.eigvalsh), lambda a: tl.eigvalsh(sym(a)), SPD),
    "eigvalsh_upper": Check(
        of(lambda a: nl.eigh(a, UPLO="U", symmetrize_input=False)[0]),
        lambda a: tl.eigvalsh(a.triu() + a.triu(1).mT, UPLO="U"),
        SPD,
    ),
    "svd": Check(
        of(lambda a: pieces(*nl.svd(a, full_matrices=False))),
        lambda a: pieces(*tl.svd(a, full_matrices=False)),
        (invertible(4, 4),),
    ),
    "svd_tall": Check(
        of(lambda a, b: pieces(*nl.svd(jnp.concatenate([a, b.T]), full_matrices=False))),
        lambda a, b: pieces(*tl.svd(torch.cat([a, b.T]), full_matrices=False)),
        AB,
    ),
    "svd_wide": Check(
        of(lambda a, b: pieces(*nl.svd(jnp.concatenate([a, b], 1), full_matrices=False))),
        lambda a, b: pieces(*tl.svd(torch.cat([a, b], 1), full_matrices=False)),
        AB,
    ),
    "svdvals": Check(of(nl.svdvals), tl.svdvals, (invertible(4, 4),)),
    "qr": Check(of(lambda a: tuple(nl.qr(a))), tl.qr, (invertible(4, 4),)),
    "qr_tall": Check(
        of(lambda a, b: tuple(nl.qr(jnp.concatenate([a, b.T])))),
        lambda a, b: tl.qr(torch.cat([a, b.T])),
        AB,
    ),
    "qr_wide_r": Check(
        of(lambda a, b: nl.qr(jnp.concatenate([a, b], 1), mode="r")),
        lambda a, b: tl.qr(torch.cat([a, b], 1))[1],
        AB,
    ),
    "lu": Check(of(lambda a: jsp.linalg.lu(a)[1:]), lambda a: tl.lu(a)[1:], (invertible(4, 4),)),
    "lu_tall": Check(
        of(lambda a, b: jsp.linalg.lu(jnp.concatenate([a, b.T]))[1:]),
        lambda a, b: tl.lu(torch.cat([a, b.T]))[1:],
        AB,
    ),
    "lu_wide": Check(
        of(lambda a, b: jsp.linalg.lu(jnp.concatenate([a, b], 1))[1:]),
        lambda a, b: tl.lu(torch.cat([a, b], 1))[1:],
        AB,
    ),
    "eigvals": Check(
        of(lambda a: jnp.sum(nl.eigvals(a) ** 3).real),
        lambda a: (tl.eigvals(a) ** 3).sum().real,
        (invertible(4, 4),),
    ),
    # triangular and other solvers
    "solve_triangular": Check(
        of(jsp.linalg.solve_triangular, lower=True),
        lambda a, b: tl.solve_triangular(a.tril(), b, upper=False),
        AB,
    ),
    "solve_triangular_trans": Check(
        of(jsp.linalg.solve_triangular, trans=1, unit_diagonal=True),
        lambda a, b: tl.solve_triangular(a.triu().mT, b, upper=False, unitriangular=True),
        AB,
    ),
    "triangular_right": Check(
        of(lambda a, b: triangular(a, b.T, lower=True, transpose_a=True)),
        lambda a, b: tl.solve_triangular(a.tril().mT, b.T, upper=True, left=False),
        AB,
    ),
    "cho_solve": Check(
        of(lambda a, b: jsp.linalg.cho_solve((nl.cholesky(a), True), b)),
        lambda a, b: tl.solve(sym(a), b),
        (positive_definite(4, 4), real(4, 2)),
    ),
    "lu_solve": Check(
        of(lambda a, b: jsp.linalg.lu_solve(jsp.linalg.lu_factor(a), b, trans=1)),
        lambda a, b: tl.solve(a.mT, b),
        AB,
    ),
    "tridiagonal_solve": Check(
        of(lax.linalg.tridiagonal_solve),
        lambda low, d, u, b: tl.solve(
            torch.diag(d) + torch.diag(low[1:], -1) + torch.diag(u[:-1], 1), b
        ),
        (uniform(-1, 1, 4), uniform(3, 4, 4), uniform(-1, 1, 4), real(4, 2)),
        names=("low", "d", "u", "b"),
    ),
    # functions of matrices
    "expm": Check(of(jsp.linalg.expm), tl.matrix_exp, A),
    "expm_upper": Check(
        of(lambda a: jsp.linalg.expm(jnp.triu(a), upper_triangular=True)),
        lambda a: tl.matrix_exp(a.triu()),
        A,
    ),
    "expm_frechet": Check(
        of(lambda a, e: jsp.linalg.expm_frechet(a, e)[1]),
        lambda a, e: tl.matrix_exp(torch.cat([torch.cat([a, e], 1), torch.cat([0 * a, a], 1)]))[
            :3, 3:
        ],
        (uniform(-1, 1, 3, 3), real(3, 3)),
    ),
    "polar": Check(
        of(lambda a: jsp.linalg.polar(a, method="svd")[0]),
        polar,
        (invertible(4, 4),),
    ),
    "block_diag": Check(of(jsp.linalg.block_diag), torch.block_diag, (real(2, 3), real(1, 2))),
    "toeplitz": Check(
        of(jsp.linalg.toeplitz),
        lambda c, r: torch.stack(
            [torch.stack([c[i - j] if i >= j else r[j - i] for j in range(3)]) for i in range(4)]
        ),
        (real(4), real(3)),
    ),
    # norms
    "norm": Check(of(nl.norm, axis=1), lambda x: tl.vector_norm(x, dim=1), (positive(3, 4),)),
    "norm_1": Check(
        of(nl.norm, ord=1, axis=0), lambda x: tl.vector_norm(x, 1, 0), (positive(3, 4),)
    ),
    "norm_3": Check(
        of(nl.norm, ord=3, axis=-1), lambda x: tl.vector_norm(x, 3, -1), (positive(3, 4),)
    ),
    "norm_half": Check(
        of(nl.norm, ord=0.5, axis=-1), lambda x: tl.vector_norm(x, 0.5, -1), (positive(3, 4),)
    ),
    "norm_inf": Check(
        of(nl.norm, ord=jnp.inf, axis=1), lambda x: x.abs().amax(1), X, conventions=TIES
    ),
    "norm_minus_inf": Check(
        of(nl.norm, ord=-jnp.inf, axis=1),
        lambda x: x.abs().amin(1),
        (positive(3, 4),),
        conventions=TIES,
    ),
    "norm_nuclear": Check(
        of(nl.norm, ord="nuc"), lambda a: tl.matrix_norm(a, "nuc"), (invertible(4, 4),)
    ),
    "norm_spectral": Check(of(nl.norm, ord=2), lambda a: tl.matrix_norm(a, 2), (invertible(4, 4),)),
    "norm_smallest": Check(
        of(nl.norm, ord=-2), lambda a: tl.matrix_norm(a, -2), (invertible(4, 4),)
    ),
    "norm_frobenius": Check(
        of(nl.norm, axis=(0, 2)), lambda x: tl.vector_norm(x, dim=(0, 2)), (positive(2, 3, 4),)
    ),
    "cond": Check(of(nl.cond), tl.cond, (invertible(4, 4),)),
    "cross": Check(of(jnp.cross), tl.cross, (real(4, 3), real(4, 3))),
}
