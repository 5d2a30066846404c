"""Gradients of autograd 1.9.1 (HIPS), against PyTorch's: sums, products of arrays, FFT."""

from __future__ import annotations

import autograd.numpy as np
import torch
from rule import AXIS, axes, of_complex, parts, rule

from gradproof import Check, real, uniform

fft, tft = np.fft, torch.fft
WIDE = real(2, 3)
EVERY_2ND = np.array([True, False, True])
one, two, three = axes(1), axes(2), axes(3)


def mats(*shapes: str):
    """Arrays whose axes have names; one name, one drawn length."""

    def inputs(draw):
        length = {letter: draw(AXIS) for letter in sorted(set("".join(shapes)) - set("1"))}
        length["1"] = 1
        return tuple(real(*(length[letter] for letter in shape)) for shape in shapes)

    return inputs


def even(*ranks: int):
    """Arrays whose last axis is even, as the gradient of a real FFT asks."""
    return lambda draw: tuple(
        real(*(draw(AXIS) for _ in range(rank - 1)), 2 * draw(AXIS)) for rank in ranks
    )


def signed(draw):
    """Numbers away from zero."""
    return uniform(0.5, 2.0, draw(AXIS), draw(AXIS))


def spectrum(f, **options):
    """The real and imaginary part of an FFT."""
    return parts(lambda x: f(x, **options))


def einsum(string):
    """Both sides of an einsum."""
    return rule(lambda *x: np.einsum(string, *x)), lambda *x: torch.einsum(string, *x)


def binary(f, g):
    """Both sides of a function of two arrays, as operands that PyTorch can name."""
    return rule(f), g


reductions = {
    "sum": Check(rule(np.sum), torch.sum, three),
    "sum_axis": Check(rule(lambda x: np.sum(x, -2)), lambda x: x.sum(-2), three),
    "sum_axes": Check(
        rule(lambda x: np.sum(x, (0, -1), keepdims=True)), lambda x: x.sum((0, -1), True), three
    ),
    "sum_where": Check(rule(lambda x: np.sum(x, where=EVERY_2ND)), lambda x: x[:, ::2].sum(), WIDE),
    "sum_scalar": Check(rule(np.sum), torch.sum, axes(0)),
    "mean": Check(rule(np.mean), torch.mean, three),
    "mean_axes": Check(rule(lambda x: np.mean(x, (-1, 0))), lambda x: x.mean((-1, 0)), three),
    "mean_keepdims": Check(
        rule(lambda x: np.mean(x, 1, keepdims=True)), lambda x: x.mean(1, True), two
    ),
    "mean_of_list": Check(
        rule(lambda x, y: np.mean([x, y])), lambda x, y: torch.stack((x, y)).mean(), axes(0, 0)
    ),
    "mean_where": Check(
        rule(lambda x: np.mean(x, where=EVERY_2ND)), lambda x: x[:, ::2].mean(), WIDE
    ),
    "prod": Check(rule(np.prod), torch.prod, signed),
    "prod_axis": Check(rule(lambda x: np.prod(x, -1)), lambda x: x.prod(-1), signed),
    "prod_zero": Check(rule(np.prod), torch.prod, one),
    "prod_axes": Check(
        rule(lambda x: np.prod(x, (0, 1), keepdims=True)),
        lambda x: x.prod(0, True).prod(1, True),
        signed,
    ),
    "var": Check(rule(np.var), lambda x: x.var(correction=0), two),
    "var_ddof": Check(
        rule(lambda x: np.var(x, -1, ddof=1)),
        lambda x: x.var(-1),
        lambda draw: real(2, 1 + draw(AXIS)),
    ),
    "var_where": Check(
        rule(lambda x: np.var(x, where=EVERY_2ND)), lambda x: x[:, ::2].var(correction=0), WIDE
    ),
    "var_correction": Check(rule(lambda x: np.var(x, correction=1)), torch.var, WIDE),
    "var_axes": Check(
        rule(lambda x: np.var(x, axis=(0, 2), ddof=2, keepdims=True)),
        lambda x: x.var((0, 2), correction=2, keepdim=True),
        lambda draw: real(2, draw(AXIS), 1 + draw(AXIS)),
    ),
    "var_complex": Check(
        rule(of_complex(lambda x: np.var(x, 0))),
        lambda re, im: re.var(0, correction=0) + im.var(0, correction=0),
        mats("ij", "ij"),
    ),
    "std": Check(rule(np.std), lambda x: x.std(correction=0), two),
    "std_ddof": Check(
        rule(lambda x: np.std(x, 0, ddof=1)),
        lambda x: x.std(0),
        lambda draw: real(1 + draw(AXIS), 3),
    ),
    "std_correction": Check(rule(lambda x: np.std(x, correction=1)), torch.std, WIDE),
    "std_axes": Check(
        rule(lambda x: np.std(x, axis=(-1, 0), keepdims=True)),
        lambda x: x.std((-1, 0), correction=0, keepdim=True),
        lambda draw: real(2, draw(AXIS), 1 + draw(AXIS)),
    ),
    "max": Check(rule(np.max), torch.amax, two),
    "max_axis": Check(rule(lambda x: np.max(x, -1)), lambda x: x.amax(-1), three),
    "max_axes": Check(
        rule(lambda x: np.max(x, (0, 2), keepdims=True)), lambda x: x.amax((0, 2), True), three
    ),
    "min_axis": Check(rule(lambda x: np.min(x, axis=1)), lambda x: x.amin(1), three),
    "amax": Check(rule(lambda x: np.amax(x, (-1, -2))), lambda x: x.amax((-1, -2)), three),
    "amin": Check(rule(lambda x: np.amin(x, 0)), lambda x: x.amin(0), two),
    "cumsum": Check(rule(np.cumsum), lambda x: x.reshape(-1).cumsum(0), two),
    "cumsum_axis_0": Check(rule(lambda x: np.cumsum(x, 0)), lambda x: x.cumsum(0), three),
    "cumsum_axis": Check(rule(lambda x: np.cumsum(x, 1)), lambda x: x.cumsum(1), three),
    "cumsum_negative": Check(rule(lambda x: np.cumsum(x, -1)), lambda x: x.cumsum(-1), three),
}
products = {
    "dot_vectors": Check(*binary(np.dot, torch.dot), mats("i", "i")),
    "dot_matrices": Check(*binary(np.dot, torch.matmul), mats("ij", "jk")),
    "dot_matrix_vector": Check(*binary(np.dot, torch.matmul), mats("ij", "j")),
    "dot_vector_array": Check(
        *binary(np.dot, lambda a, b: torch.tensordot(a, b, ([0], [1]))), mats("j", "ijk")
    ),
    "dot_arrays": Check(
        *binary(np.dot, lambda a, b: torch.tensordot(a, b, ([2], [1]))), mats("abj", "cjd")
    ),
    "dot_scalar": Check(*binary(np.dot, torch.mul), mats("", "ij")),
    "inner": Check(
        *binary(np.inner, lambda a, b: torch.tensordot(a, b, ([-1], [-1]))), mats("abj", "cj")
    ),
    "inner_scalar": Check(*binary(np.inner, torch.mul), mats("ij", "")),
    "outer": Check(*binary(np.outer, torch.outer), mats("i", "j")),
    "outer_matrix": Check(
        *binary(np.outer, lambda a, b: torch.outer(a.ravel(), b)), mats("ik", "j")
    ),
    "matmul": Check(*binary(np.matmul, torch.matmul), mats("aij", "ajk")),
    "matmul_broadcast": Check(*binary(np.matmul, torch.matmul), mats("b1ij", "ajk")),
    "matmul_vectors": Check(*binary(np.matmul, torch.matmul), mats("i", "i")),
    "matmul_vector_left": Check(*binary(np.matmul, torch.matmul), mats("j", "ajk")),
    "matmul_vector_right": Check(*binary(np.matmul, torch.matmul), mats("aij", "j")),
    "kron": Check(*binary(np.kron, torch.kron), mats("ij", "ab")),
    "kron_vectors": Check(*binary(np.kron, torch.kron), mats("i", "a")),
    "kron_mixed": Check(*binary(np.kron, torch.kron), mats("i", "ab")),
    "kron_3d": Check(*binary(np.kron, torch.kron), mats("ijk", "abc")),
    "tensordot": Check(*binary(np.tensordot, torch.tensordot), mats("aij", "ijb")),
    "tensordot_0": Check(
        *binary(lambda a, b: np.tensordot(a, b, 0), lambda a, b: torch.tensordot(a, b, 0)),
        mats("ij", "k"),
    ),
    "tensordot_axes": Check(
        *binary(
            lambda a, b: np.tensordot(a, b, ([2, 0], [0, 1])),
            lambda a, b: torch.tensordot(a, b, ([2, 0], [0, 1])),
        ),
        mats("iaj", "jib"),
    ),
    "tensordot_negative": Check(
        *binary(
            lambda a, b: np.tensordot(a, b, ([-1, 1], [-3, -1])),
            lambda a, b: torch.tensordot(a, b, ([-1, 1], [-3, -1])),
        ),
        mats("aij", "jbi"),
    ),
    "tensordot_number": Check(
        *binary(
            lambda a, b: np.tensordot(a, b, (0, 1)),
            lambda a, b: torch.tensordot(a, b, ([0], [1])),
        ),
        mats("ia", "bi"),
    ),
    "einsum_matmul": Check(*einsum("ij,jk->ik"), mats("ij", "jk")),
    "einsum_implicit": Check(*einsum("kj,ji"), mats("kj", "ji")),
    "einsum_summed": Check(*einsum("ijk,j->i"), mats("ijk", "j")),
    "einsum_three": Check(*einsum("ij,kj,k->i"), mats("ij", "kj", "k")),
    "einsum_dots": Check(*einsum("...ij,jk->...ik"), mats("abij", "jk")),
    "einsum_dots_broadcast": Check(*einsum("...ij,...jk->...ik"), mats("b1ij", "cjk")),
    "einsum_dots_sum": Check(*einsum("i...->..."), mats("iab")),
    "einsum_lists": Check(
        rule(lambda x, y: np.einsum(x, [0, 1], y, [2, 1], [2, 0])),
        lambda x, y: torch.einsum("ij,kj->ki", x, y),
        mats("ij", "kj"),
    ),
    "einsum_lists_dots": Check(
        rule(lambda x, y: np.einsum(x, [0, Ellipsis], y, [Ellipsis, 0], [Ellipsis, 0])),
        lambda x, y: torch.einsum("i...,...i->...i", x, y),
        mats("ib", "abi"),
    ),
    "einsum_lists_dots_last": Check(
        rule(lambda x, y: np.einsum(x, [0, Ellipsis], y, [0, Ellipsis], [0, Ellipsis])),
        lambda x, y: torch.einsum("i...,i...->i...", x, y),
        mats("ib", "iab"),
    ),
    "einsum_trace": Check(*einsum("ii->"), mats("ii")),
    "einsum_broadcast": Check(
        rule(lambda x: np.einsum("ij,j->i", x, np.array([2.0], x.dtype))),
        lambda x: 2 * x.sum(1),
        real(2, 3),
    ),
    "einsum_diagonal": Check(*einsum("iij,j->i"), mats("iij", "j")),
}
transforms = {
    "fft": Check(rule(spectrum(fft.fft)), spectrum(tft.fft), two),
    "fft_longer": Check(rule(spectrum(fft.fft, n=7)), spectrum(tft.fft, n=7), two),
    "fft_shorter": Check(rule(spectrum(fft.fft, n=2)), spectrum(tft.fft, n=2), two),
    "fft_axis": Check(
        rule(spectrum(fft.fft, axis=0, norm="ortho")), spectrum(tft.fft, dim=0, norm="ortho"), two
    ),
    "fft_forward": Check(
        rule(spectrum(fft.fft, norm="forward")), spectrum(tft.fft, norm="forward"), two
    ),
    "fft_complex": Check(
        rule(parts(of_complex(fft.fft))), parts(of_complex(tft.fft)), mats("ij", "ij")
    ),
    "ifft": Check(rule(spectrum(fft.ifft, n=4)), spectrum(tft.ifft, n=4), two),
    "ifft_ortho": Check(
        rule(spectrum(fft.ifft, axis=0, norm="ortho")), spectrum(tft.ifft, dim=0, norm="ortho"), two
    ),
    "fft2": Check(rule(spectrum(fft.fft2)), spectrum(tft.fft2), three),
    "fft2_s": Check(
        rule(spectrum(fft.fft2, s=(4, 3), axes=(0, 2))),
        spectrum(tft.fft2, s=(4, 3), dim=(0, 2)),
        three,
    ),
    "ifft2": Check(rule(spectrum(fft.ifft2)), spectrum(tft.ifft2), three),
    "fftn": Check(rule(spectrum(fft.fftn)), spectrum(tft.fftn), three),
    "fftn_axes": Check(
        rule(spectrum(fft.fftn, axes=(2, 0))), spectrum(tft.fftn, dim=(2, 0)), three
    ),
    "ifftn": Check(
        rule(spectrum(fft.ifftn, norm="forward")), spectrum(tft.ifftn, norm="forward"), three
    ),
    "rfft": Check(rule(spectrum(fft.rfft)), spectrum(tft.rfft), even(2)),
    "rfft_ortho": Check(
        rule(spectrum(fft.rfft, norm="ortho")), spectrum(tft.rfft, norm="ortho"), even(2)
    ),
    "rfft_backward": Check(
        rule(spectrum(fft.rfft, norm="backward")), spectrum(tft.rfft, norm="backward"), even(2)
    ),
    "rfft_forward": Check(
        rule(spectrum(fft.rfft, norm="forward")), spectrum(tft.rfft, norm="forward"), even(2)
    ),
    "rfft_longer": Check(rule(spectrum(fft.rfft, n=8)), spectrum(tft.rfft, n=8), even(2)),
    "rfft_positional": Check(
        rule(parts(lambda x: fft.rfft(x, 8))), parts(lambda x: tft.rfft(x, 8)), two
    ),
    "rfft_axis": Check(
        rule(parts(lambda x: fft.rfft(x, 4, 0))), spectrum(tft.rfft, n=4, dim=0), two
    ),
    "irfft": Check(
        rule(lambda re, im: fft.irfft(re + 1j * im)),
        of_complex(tft.irfft),
        lambda draw: (x := real(draw(AXIS), 1 + draw(AXIS)), x),
    ),
    "irfft_n": Check(
        rule(lambda re, im: fft.irfft(re + 1j * im, 6)),
        lambda re, im: tft.irfft(re + 1j * im, 6),
        mats("ij", "ij"),
    ),
    "irfft_ortho": Check(
        rule(lambda re, im: fft.irfft(re + 1j * im, 4, norm="ortho")),
        lambda re, im: tft.irfft(re + 1j * im, 4, norm="ortho"),
        mats("ij", "ij"),
    ),
    "irfft_backward": Check(
        rule(lambda re, im: fft.irfft(re + 1j * im, 4, norm="backward")),
        lambda re, im: tft.irfft(re + 1j * im, 4, norm="backward"),
        mats("ij", "ij"),
    ),
    "rfft2": Check(rule(spectrum(fft.rfft2)), spectrum(tft.rfft2), even(3)),
    "rfft2_s": Check(rule(spectrum(fft.rfft2, s=(3, 4))), spectrum(tft.rfft2, s=(3, 4)), three),
    "irfft2": Check(
        rule(lambda re, im: fft.irfft2(re + 1j * im, (3, 6))),
        lambda re, im: tft.irfft2(re + 1j * im, (3, 6)),
        mats("aij", "aij"),
    ),
    "rfftn": Check(rule(spectrum(fft.rfftn)), spectrum(tft.rfftn), even(3)),
    "rfftn_axes": Check(
        rule(spectrum(fft.rfftn, axes=(0, 2))), spectrum(tft.rfftn, dim=(0, 2)), even(3)
    ),
    "irfftn": Check(
        rule(lambda re, im: fft.irfftn(re + 1j * im, (4, 2), axes=(2, 0))),
        lambda re, im: tft.irfftn(re + 1j * im, (4, 2), dim=(2, 0)),
        mats("aij", "aij"),
    ),
    "fftshift": Check(rule(fft.fftshift), tft.fftshift, two),
    "ifftshift": Check(
        rule(lambda x: fft.ifftshift(x, axes=1)), lambda x: tft.ifftshift(x, dim=1), three
    ),
}
checks = {**reductions, **products, **transforms}
