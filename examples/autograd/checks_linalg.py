"""Gradients of autograd 1.9.1 (HIPS), against PyTorch's: linear algebra, convolution."""

from __future__ import annotations

import autograd.numpy as np
import autograd.scipy.linalg as sla
import torch
from autograd.scipy.signal import convolve
from rule import AXIS, axes, of_complex, parts, rule

from gradproof import Check, invertible, positive_definite, real, uniform

la, tla = np.linalg, torch.linalg
F = torch.nn.functional


def square(kind=invertible, batch=(), *others):
    """Square matrices and arrays beside them; n stands for the drawn length."""

    def inputs(draw):
        n = draw(AXIS)
        return (
            kind(*batch, n, n),
            *(real(*(n if m == "n" else m for m in shape)) for shape in others),
        )

    return inputs


def away(*shape):
    """Numbers away from zero."""
    return lambda draw: uniform(0.5, 2.0, *(draw(AXIS) for _ in range(shape[0])))


def torch_diag(a):
    """a with a diagonal that keeps its eigenvalues apart."""
    return a + 3 * torch.diag(torch.arange(a.shape[-1], dtype=a.dtype))


def numpy_diag(a):
    """The same."""
    return a + 3 * np.diag(np.arange(a.shape[-1])).astype(np.result_type(a))


def norm(**options):
    """Both sides of a norm, of `axis` (`dim` in PyTorch) and so on."""
    names = {"axis": "dim", "keepdims": "keepdim"}
    theirs = {names.get(k, k): v for k, v in options.items()}
    f = tla.matrix_norm if isinstance(options.get("ord"), str) else tla.norm
    if "axis" not in options or isinstance(options["axis"], int):
        f = tla.vector_norm if "ord" not in options or not isinstance(options["ord"], str) else f
    return rule(lambda x: la.norm(x, **options)), lambda x: f(x, **theirs)


def triangular(lower=False, trans=0, **options):
    """Both sides of a triangular solve."""

    def solve(a, b):
        m = b if b.ndim > 1 else b[:, None]
        t = torch.tril(a) if lower else torch.triu(a)
        flip = trans in (1, 2, "T", "C")
        x = tla.solve_triangular(
            t.mT if flip else t,
            m,
            upper=lower == flip,
            unitriangular=options.get("unit_diagonal", False),
        )
        return x.reshape(b.shape)

    f = rule(lambda a, b: sla.solve_triangular(a, b, trans=trans, lower=lower, **options))
    return f, solve


def banded(lower, upper):
    """Both sides of a banded solve."""

    def solve(ab, b):
        n = b.shape[0]
        dense = sum(
            torch.diag(ab[upper - k, max(k, 0) : n + min(k, 0)], k)
            for k in range(-lower, upper + 1)
            if abs(k) < n
        )
        return tla.solve(dense, b)

    main = [[2.0 * (k == upper)] for k in range(lower + upper + 1)]
    f = rule(lambda ab, b: sla.solve_banded((lower, upper), ab + np.array(main, b.dtype), b))
    return f, lambda ab, b: solve(ab + torch.tensor(main, dtype=b.dtype), b)


def bands(lower, upper):
    """The bands of a matrix, and a right-hand side."""

    def inputs(draw):
        n = 3 + draw(AXIS)
        return uniform(0.1, 0.3, lower + upper + 1, n), real(n)

    return inputs


def eigh(UPLO, f):
    """A function of eigenvalues, by eigh."""

    def run(a):
        w, v = la.eigh(a, UPLO=UPLO)
        return np.einsum("...ij,...j,...kj->...ik", v, f(w), np.conj(v))

    return run


def svd(a):
    """All of an SVD, without the signs."""
    u, s, v = la.svd(a, full_matrices=False)
    return np.einsum("...ij,...j,...jk->...ik", u, s**3, v)


def torch_svd(a):
    """The same."""
    u, s, v = tla.svd(a, full_matrices=False)
    return (u * s[..., None, :] ** 3) @ v


def square_root(a):
    """The square root of a matrix, by the iteration of Denman and Beavers."""
    y, z = a, torch.eye(a.shape[-1], dtype=a.dtype)
    for _ in range(8):
        y, z = (y + tla.inv(z)) / 2, (z + tla.inv(y)) / 2
    return y


def eig(a):
    """exp of a matrix, by eig."""
    w, v = la.eig(a)
    return np.real(np.einsum("ij,j,jk->ik", v, np.exp(w), la.inv(v)))


def half(a, lower=True):
    """The symmetric matrix that eigh reads."""
    t = torch.tril(a, -1) if lower else torch.triu(a, 1)
    return t + t.mH + torch.diag_embed(torch.diagonal(a, dim1=-2, dim2=-1))


def hermitian(a, b):
    """The Hermitian matrix that eigh reads of a + ib."""
    t = torch.tril(a + 1j * b, -1)
    return t + t.mH + torch.diag(torch.diagonal(a))


def conv(mode):
    """Both sides of a convolution of vectors."""
    return rule(lambda a, b: convolve(a, b, mode=mode)), lambda a, b: torch_conv(a, b, mode)


def torch_conv(a, b, mode):
    """np.convolve, but for `same`, which has the size of a, by PyTorch's kernel; any rank to 3."""
    k = a.ndim
    pads = [m - 1 for m in b.shape]
    op = getattr(F, f"conv{k}d")
    full = op(a[None, None], b.flip(tuple(range(k)))[None, None], padding=pads)[0, 0]
    if mode == "full":
        return full
    for i in range(k):
        n, m = a.shape[i], b.shape[i]
        size = n if mode == "same" else abs(n - m) + 1
        start = (m - 1) // 2 if mode == "same" else min(n, m) - 1
        full = full.narrow(i, start, size)
    return full


checks = {
    "det": Check(rule(la.det), tla.det, square()),
    "det_batch": Check(rule(la.det), tla.det, square(invertible, (2,))),
    "slogdet": Check(
        rule(lambda x: la.slogdet(x)[1]), torch.logdet, square(positive_definite, (2,))
    ),
    "slogdet_sign_too": Check(rule(la.slogdet), lambda x: tuple(tla.slogdet(x)), square()),
    "slogdet_complex": Check(
        rule(lambda x, y: parts(lambda z: la.slogdet(z)[0])(x + 1j * y)),
        parts(of_complex(lambda z: tla.slogdet(z)[0])),
        square(invertible, (), ("n", "n")),
    ),
    "inv": Check(rule(la.inv), tla.inv, square()),
    "inv_batch": Check(rule(la.inv), tla.inv, square(invertible, (3,))),
    "inv_complex": Check(
        rule(parts(lambda x, y: la.inv(x + 0.1j * y))),
        parts(lambda x, y: tla.inv(x + 0.1j * y)),
        (invertible(3, 3), uniform(-1.0, 1.0, 3, 3)),
    ),
    "pinv_square": Check(rule(la.pinv), tla.pinv, square()),
    "pinv_tall": Check(
        rule(lambda x: la.pinv(np.concatenate((x, 2 * x)))),
        lambda x: tla.pinv(torch.cat((x, 2 * x))),
        square(),
    ),
    "pinv_wide": Check(
        rule(lambda x: la.pinv(np.concatenate((x, x * x), -1))),
        lambda x: tla.pinv(torch.cat((x, x * x), -1)),
        square(invertible, (2,)),
    ),
    "solve": Check(rule(la.solve), tla.solve, square(invertible, (), ("n", 2))),
    "solve_vector": Check(rule(la.solve), tla.solve, square(invertible, (), ("n",))),
    "solve_batch": Check(rule(la.solve), tla.solve, square(invertible, (2,), (2, "n", 3))),
    "solve_batch_vector": Check(
        rule(la.solve),
        lambda a, b: tla.solve(a, b.expand(2, -1)),
        (invertible(2, 2, 2), real(2)),
    ),
    "solve_broadcast": Check(rule(la.solve), tla.solve, square(invertible, (3,), ("n", 2))),
    "norm": Check(*norm(), away(1)),
    "norm_frobenius": Check(*norm(ord="fro"), away(2)),
    "norm_array": Check(*norm(), away(3)),
    "norm_axis": Check(*norm(axis=-1), away(2)),
    "norm_3": Check(*norm(ord=3, axis=0), away(3)),
    "norm_fraction": Check(*norm(ord=2.5), away(1)),
    "norm_below_2": Check(
        rule(lambda x: la.norm(np.concatenate((x - x, x)), 1.5)),
        lambda x: tla.vector_norm(x, 1.5),
        away(1),
    ),
    "norm_largest": Check(*norm(ord=np.inf), away(1)),
    "norm_keepdims": Check(*norm(axis=1, keepdims=True), away(2)),
    "norm_keepdims_all": Check(*norm(keepdims=True), away(1)),
    "norm_axes": Check(*norm(axis=(0, 2)), away(3)),
    "norm_axes_swapped": Check(*norm(axis=(2, 1)), away(3)),
    "norm_axes_negative": Check(*norm(axis=(-2, -1)), uniform(0.5, 2.0, 3, 3, 2)),
    "norm_nuclear": Check(*norm(ord="nuc"), square()),
    "norm_nuclear_axes": Check(*norm(ord="nuc", axis=(1, 2)), square(invertible, (2,))),
    "norm_nuclear_negative": Check(
        rule(lambda x: la.norm(x, "nuc", (-2, -1))),
        lambda x: tla.matrix_norm(x, "nuc"),
        invertible(3, 3, 3),
    ),
    "norm_nuclear_first": Check(
        rule(lambda x: la.norm(np.moveaxis(x, 0, 2), "nuc", (0, 1))),
        lambda x: tla.matrix_norm(x, "nuc"),
        square(invertible, (2,)),
    ),
    "norm_nuclear_swapped": Check(
        rule(lambda x: la.norm(x, "nuc", (2, 0))),
        lambda x: tla.matrix_norm(x.movedim(1, 0), "nuc"),
        (uniform(0.5, 2.0, 2, 3, 3),),
    ),
    "norm_complex": Check(
        rule(of_complex(lambda x: la.norm(x, axis=0))),
        of_complex(lambda x: tla.vector_norm(x, dim=0)),
        lambda draw: (x := uniform(0.5, 2.0, draw(AXIS), 3), x),
    ),
    "eigh_lower": Check(
        rule(lambda a: eigh("L", np.exp)(numpy_diag(a))),
        lambda a: torch.matrix_exp(half(torch_diag(a))),
        square(),
    ),
    "eigh_upper": Check(
        rule(lambda a: eigh("U", np.exp)(numpy_diag(a))),
        lambda a: torch.matrix_exp(half(torch_diag(a), False)),
        square(),
    ),
    "eigh_batch": Check(
        rule(lambda a: eigh("L", np.exp)(numpy_diag(a))),
        lambda a: torch.matrix_exp(half(torch_diag(a))),
        square(invertible, (2,)),
    ),
    "eigh_values": Check(
        rule(lambda a: la.eigh(numpy_diag(a))[0]),
        lambda a: tla.eigvalsh(half(torch_diag(a))),
        square(),
    ),
    "eigh_complex": Check(
        rule(lambda a, b: parts(eigh("L", np.exp))(numpy_diag(a) + 0.5j * b)),
        parts(lambda a, b: torch.matrix_exp(hermitian(torch_diag(a), 0.5 * b))),
        square(invertible, (), ("n", "n")),
    ),
    "eig": Check(
        rule(lambda a: eig(numpy_diag(a))), lambda a: torch.matrix_exp(torch_diag(a)), square()
    ),
    "cholesky": Check(rule(la.cholesky), tla.cholesky, square(positive_definite)),
    "cholesky_batch": Check(rule(la.cholesky), tla.cholesky, square(positive_definite, (2,))),
    "cholesky_symmetric": Check(
        rule(lambda a: la.cholesky((a + np.swapaxes(a, -1, -2)) / 2)),
        lambda a: tla.cholesky((a + a.mT) / 2),
        square(positive_definite, (2,)),
    ),
    "svd_square": Check(rule(svd), torch_svd, uniform(-1.0, 1.0, 3, 3)),
    "svd_tall": Check(rule(svd), torch_svd, uniform(-1.0, 1.0, 4, 2)),
    "svd_wide_batch": Check(rule(svd), torch_svd, uniform(-1.0, 1.0, 2, 3, 4)),
    "svd_complex": Check(
        rule(parts(of_complex(svd))),
        parts(of_complex(torch_svd)),
        (x := uniform(-1.0, 1.0, 2, 3), x),
    ),
    "svd_values": Check(
        rule(lambda a: la.svd(a, compute_uv=False)),
        tla.svdvals,
        uniform(-1.0, 1.0, 2, 3, 4),
    ),
    "sqrtm": Check(rule(sla.sqrtm), square_root, square(positive_definite)),
    "solve_sylvester": Check(
        rule(sla.solve_sylvester),
        lambda a, b, q: tla.solve(
            torch.kron(a, torch.eye(2, dtype=a.dtype))
            + torch.kron(torch.eye(3, dtype=a.dtype), b.mT.contiguous()),
            q.reshape(-1),
        ).reshape(3, 2),
        (positive_definite(3, 3), positive_definite(2, 2), real(3, 2)),
    ),
    "triangular": Check(*triangular(), square(positive_definite, (), ("n", 2))),
    "triangular_lower": Check(*triangular(True), square(positive_definite, (), ("n",))),
    "triangular_trans": Check(*triangular(False, 1), square(positive_definite, (), ("n",))),
    "triangular_lower_T": Check(*triangular(True, "T"), square(positive_definite, (), ("n", 3))),
    "triangular_lower_C": Check(*triangular(True, "C"), square(positive_definite, (), ("n", 1))),
    "triangular_unit": Check(
        *triangular(True, unit_diagonal=True), square(positive_definite, (), ("n",))
    ),
    "banded": Check(*banded(1, 1), bands(1, 1)),
    "banded_lower": Check(*banded(2, 1), bands(2, 1)),
    "banded_upper": Check(*banded(0, 2), bands(0, 2)),
    "convolve_full": Check(*conv("full"), axes(1, 1)),
    "convolve_full_2d": Check(*conv("full"), axes(2, 2)),
    "convolve_same": Check(*conv("same"), axes(1, 1)),
    "convolve_same_2d": Check(*conv("same"), (real(5, 4), real(2, 3))),
    "convolve_valid": Check(*conv("valid"), lambda draw: (real(5), real(draw(AXIS)))),
    "convolve_valid_swapped": Check(*conv("valid"), lambda draw: (real(draw(AXIS)), real(5))),
    "convolve_valid_2d": Check(*conv("valid"), (real(5, 4), real(2, 3))),
    "convolve_axes": Check(
        rule(lambda a, b: convolve(a, b, axes=([1], [0]), dot_axes=([0], [1]), mode="valid")),
        lambda a, b: F.conv1d(a.permute(2, 0, 1), b.flip(0).permute(2, 1, 0)),
        (real(2, 5, 3), real(2, 2, 4)),
    ),
}
