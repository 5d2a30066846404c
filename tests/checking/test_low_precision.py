"""bfloat16 and float16: one rounding at the end is right, what rounds more often is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from hypothesis import settings
from torch.nn import functional as F

from gradproof import check, check_module, real
from gradproof.cases import file
from gradproof.cases.case import Case
from gradproof.checking.record import Check, subject_of
from gradproof.errors import InputError
from gradproof.judge.dispatch import judge
from gradproof.subject.low_precision import LOW, low_dtype, rounds_to
from tests.checking.low_precision.arithmetic import (
    Arithmetic,
    LowAccumulator,
    NextLower,
    SecondRounding,
    kernel,
)
from tests.checking.low_precision.operations import OPERATIONS, attended, once

CASES = settings().max_examples // 2
FEW = 20


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("name", OPERATIONS)
def test_right_kernels_agree(name: str, dtype: str) -> None:
    o = OPERATIONS[name]
    right = kernel(o.forward, o.backward, Arithmetic)
    verdict = check(right, o.reference, o.inputs, dtypes=(dtype,), cases=CASES)
    assert dict(verdict)["y"] == "agree"


@pytest.mark.parametrize("mistake", [SecondRounding, LowAccumulator, NextLower])
@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("name", OPERATIONS)
def test_mistakes_of_arithmetic_are_found(name: str, dtype: str, mistake: type) -> None:
    o = OPERATIONS[name]
    wrong = kernel(o.forward, o.backward, mistake)
    verdict = check(wrong, o.reference, o.inputs, dtypes=(dtype,), raise_exception=False)
    assert not verdict
    if mistake is not NextLower:
        assert f"right in float32, rounded to {dtype} more than once" in verdict.cause


TORCHS = {
    "Linear": F.linear,
    "Softmax": lambda x: F.softmax(x, -1),
    "LayerNorm": lambda x, w, b: F.layer_norm(x, (8,), w, b),
    "BatchNorm": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "GeluBias": lambda x, b: F.gelu(x + b),
    "Attention": attended,
    "Conv1d": F.conv1d,
}
"""PyTorch's own kernels, and operations one after the other, which round more often."""


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("name", TORCHS)
def test_where_the_reference_rounds_others_may(name: str, dtype: str) -> None:
    o, torchs = OPERATIONS[name], TORCHS[name]
    right = kernel(o.forward, o.backward, Arithmetic)
    for function in (right, torchs):
        assert check(function, torchs, o.inputs, dtypes=(dtype,), cases=FEW)
    coarse = kernel(o.forward, o.backward, NextLower)
    assert not check(coarse, torchs, o.inputs, dtypes=(dtype,), raise_exception=False)


def test_a_rounding_that_the_reference_declares_is_allowed() -> None:
    o = OPERATIONS["SiluBias"]
    rounds = kernel(o.forward, o.backward, SecondRounding)
    assert check(rounds, lambda x, b: F.silu(x + b), o.inputs, dtypes=LOW, cases=FEW)
    assert not check(rounds, o.reference, o.inputs, dtypes=LOW, raise_exception=False)


class Tanh:
    """tanh, as two functions of NumPy arrays."""

    def __init__(self, wide: bool) -> None:
        self._wide = wide

    def forward(self, x: Any) -> Any:
        t = np.tanh(x.astype(np.float32) if self._wide else x)
        return t.astype(x.dtype), t

    def backward(self, t: Any, dy: Any) -> Any:
        return (dy.astype(t.dtype) * (1 - t * t)).astype(dy.dtype)


@pytest.mark.parametrize("dtype", LOW)
def test_a_pair_of_functions_of_arrays_is_given_arrays_of_the_dtype(dtype: str) -> None:
    for wide in (True, False):
        pair = Tanh(wide).forward, Tanh(wide).backward
        verdict = check(pair, once(torch.tanh), real(3, 4), dtypes=(dtype,), raise_exception=False)
        assert bool(verdict) == wide, str(verdict)


def test_a_wrong_formula_gets_its_cause() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            return dy * x

    verdict = check(Twice.apply, torch.square, real(4), dtypes=LOW, raise_exception=False)
    assert verdict.cause == "factor 0.5"
    assert any(f"Twice()  {name}" in str(verdict) for name in LOW)


def test_a_result_in_another_dtype_is_told() -> None:
    said = str(
        check(lambda x: x.float(), lambda x: x * 1, real(4), dtypes=LOW, raise_exception=False)
    )
    assert "its dtype is float32; it should be" in said


def test_a_reference_without_such_a_kernel_says_what_to_give() -> None:
    with pytest.raises(InputError, match=r"give lambda x: function\(x.float\(\)\).to\(x.dtype\)"):
        check(torch.linalg.inv, torch.linalg.inv, real(3, 3), dtypes=("float16",))


def test_examples_of_several_dtypes_are_refused_not_cast() -> None:
    low = torch.zeros(2, 3, dtype=torch.bfloat16)
    for other in (torch.zeros(3), torch.zeros(3).half(), np.zeros(3)):
        with pytest.raises(InputError, match=r"several dtypes \(x bfloat16, x1 float\d\d\)"):
            check(torch.mul, torch.mul, (low, other), dtypes=("bfloat16",))
    both = [torch.nn.Bilinear(3, 3, 2) for _ in range(2)]
    with pytest.raises(InputError, match=r"several dtypes \(x bfloat16, x1 float32\)"):
        check_module(both[0], both[1], (low, torch.zeros(2, 3)))
    beside = torch.zeros(3, dtype=torch.bfloat16), torch.tensor([0, 1]), real(3)
    for given in ((low, beside[0]), (low, beside[2])):
        assert check(torch.mul, torch.mul, given, dtypes=("bfloat16",), cases=3)
    assert check(lambda x, i: x[i], lambda x, i: x[i], (low, beside[1]), cases=3)


class Scaled(torch.autograd.Function):
    """x · w, x in low precision and w in float32; each gradient in the dtype of its input."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        assert w.dtype == torch.float32
        ctx.save_for_backward(x, w)
        return (x.float() * w).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        x, w = ctx.saved_tensors
        return (dy.float() * w).to(x.dtype), (dy.float() * x.float()).sum(0)


class Rounded(Scaled):
    """The gradient of w is a sum of rounded products."""

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        x, _ = ctx.saved_tensors
        return Scaled.backward(ctx, dy)[0], (dy * x).float().sum(0)


@pytest.mark.parametrize("dtype", LOW)
def test_a_function_of_mixed_dtypes_casts_as_the_sentence_says(dtype: str) -> None:
    for kind in (Scaled, Rounded):
        mixed = lambda x, w, kind=kind: kind.apply(x, w.float())  # noqa: E731
        given = real(4, 6), real(6)
        verdict = check(mixed, once(torch.mul), given, dtypes=(dtype,), raise_exception=False)
        assert bool(verdict) == (kind is Scaled), str(verdict)


def test_a_case_is_read_as_it_was_written(tmp_path: Path) -> None:
    twice, thrice = (lambda x: x * 2), (lambda x: x * 3)
    wrong = check(thrice, twice, real(3), dtypes=("float16",), raise_exception=False)
    wrong.save(tmp_path / "case.npz")
    subject = subject_of({wrong.name: Check(thrice, twice, real(3), dtypes=("float16",))})
    case = file.load(tmp_path / "case.npz", {wrong.name: subject.layers[wrong.name]})
    assert isinstance(case, Case)
    assert case.precision == "float16"
    assert judge(subject, case).culprit is not None


@pytest.mark.parametrize("name", LOW)
def test_what_rounds_to_a_number_is_what_rounds_to_it(name: str) -> None:
    dtype = low_dtype(name)
    every = np.arange(2**16, dtype=np.uint16).view(dtype)
    every = every[~np.isnan(every.astype(np.float32))]
    low, high = (ends.astype(np.float32) for ends in rounds_to(every))
    for ends, outside in ((low, np.float32(-np.inf)), (high, np.float32(np.inf))):
        finite = np.isfinite(ends)
        with np.errstate(over="ignore"):
            inside, beyond = (np.nextafter(ends, way)[finite] for way in (-outside, outside))
            assert (inside.astype(dtype) == every[finite]).all()
            assert (beyond.astype(dtype) != every[finite]).all()
