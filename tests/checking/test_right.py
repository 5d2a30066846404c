"""What is right in others' code, and was once called wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
import gradproof
from gradproof import check, real

FEW = 12
TWO = (real(2, 3), real(2, 3))


def test_one_tensor_may_be_the_gradient_of_two_inputs() -> None:
    assert check(lambda a, b: a + b, torch.add, TWO, cases=FEW)


def test_a_size_that_depends_on_values() -> None:
    above = lambda x: x[x > 0]  # noqa: E731
    assert check(above, above, (real(3, 4),), cases=60)


def test_tensors_that_stand_for_their_negative() -> None:
    part = lambda x: torch.fft.ifft(x).imag  # noqa: E731
    assert check(part, part, (real(3, 4),), cases=FEW)
    both = lambda x, z: torch.complex(x, z).conj().imag  # noqa: E731
    assert check(both, both, (real(3), real(3)), cases=60)


def test_a_compiler_that_knows_only_numpys_own_functions() -> None:
    """As Numba does in the first call, when it compiles."""
    own, compiled = np.empty_like, set()

    def square(x: Any) -> Any:
        if x.dtype not in compiled and np.empty_like is not own:
            raise TypeError("unknown function")
        compiled.add(x.dtype)
        return x * x, lambda dy: (2 * x * dy,)

    assert check(gradproof.vjp(square), torch.square, (real(3),), cases=FEW)


def test_sines_of_large_numbers_are_right() -> None:
    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * torch.cos(ctx.saved_tensors[0])

    assert check(Sine.apply, torch.sin, (real(3, 4),), cases=60)


def cholesky(factor: float) -> Any:
    """NumPy's, which reads the lower triangle, with the symmetric gradient, as PyTorch's."""

    def function(a: Any) -> Any:
        low = np.linalg.cholesky(a)

        def pull_back(dy: Any) -> Any:
            inside = np.tril(low.T @ np.tril(dy))
            inside[np.diag_indices(len(a))] *= 0.5
            inverse = np.linalg.inv(low)
            made = inverse.T @ inside @ inverse
            return (factor * (made + made.T) / 2,)

        return low, pull_back

    return gradproof.vjp(function)


def test_a_symmetric_gradient_of_a_function_that_reads_one_triangle() -> None:
    inputs = (gradproof.positive_definite(3, 3),)
    assert check(cholesky(1.0), torch.linalg.cholesky, inputs, cases=60)
    wrong = check(cholesky(0.5), torch.linalg.cholesky, inputs, cases=FEW, raise_exception=False)
    assert not wrong


def test_a_backward_that_fails_for_the_dtype_of_y_is_told_as_that() -> None:
    def function(x: Any) -> Any:
        def pull_back(dy: Any) -> Any:
            if dy.dtype != np.float64:
                raise TypeError("expected float64")
            return (dy.astype(x.dtype),)

        return x.astype(np.float64), pull_back

    verdict = check(gradproof.vjp(function), torch.clone, (real(2),), raise_exception=False)
    assert "its dtype is float64; it should be float32" in str(verdict)


def test_what_is_too_close_for_a_witness_blames_nobody() -> None:
    class Digamma(torch.autograd.Function):
        """Its derivative is right to more digits than PyTorch's, below zero."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.digamma(x)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            sine = torch.sin(torch.pi * x)
            reflected = (torch.pi / sine) ** 2 - torch.polygamma(1, 1 - x)
            return dy * reflected * (1 + 3e-12)

    inputs = (gradproof.uniform(-2.9, -2.1, 8),)
    verdict = check(Digamma.apply, torch.digamma, inputs, raise_exception=False)
    assert "undecided: one of the two loses digits" in str(verdict)
