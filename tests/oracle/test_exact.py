"""PyTorch's own function without rounding: what is proved of it, and where nothing is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the operations are torch's")
pytest.importorskip("flint", reason="balls are FLINT's")

# ruff: noqa: E402  (torch is looked for first)
from gradproof.campaign.search import right_cases
from gradproof.cases.case import Case
from gradproof.judge.compare import measure
from gradproof.oracle.exact import Enclosed, exact_results
from gradproof.oracle.layer import Oracle
from gradproof.rounding.bound import Comparison
from tests.planted import SUBJECT, case_of

WITHOUT = {"Conv2d", "Bilinear", "RReLU", "Net", "BCELoss"}
"""Layers whose twin has an operation that is no core one, at least with some options; and one whose
kernel has another constant than torch's own decomposition, see below."""


def on(**arrays: Any) -> Case:
    """A case of some arguments, with a cotangent of one."""
    given = {n: np.asarray(a, float) for n, a in arrays.items()}
    kinds = dict.fromkeys(given, "real")
    return Case(object(), given, kinds, "float64", dy=(np.ones(()),))


def beyond_the_noise(twin: Any, case: Case, found: dict[str, Enclosed]) -> list[str]:
    """The arrays that differ from torch's by more than its rounding."""
    oracle = Oracle.of(twin, case)
    torchs = oracle.results(case.dy)
    pending = {
        name: Comparison(middle.astype(torchs[name].dtype), torchs[name])
        for name, (middle, _) in found.items()
        if np.isfinite(middle).all() and np.isfinite(torchs[name]).all()
    }
    measure(pending, oracle)
    return [name for name, c in pending.items() if not c.within()]


def exact_of(function: Any, **arrays: Any) -> dict[str, float]:
    found = exact_results(lambda layer, *given: function(*given), on(**arrays))
    return {name: float(middle.ravel()[0]) for name, (middle, _) in found.items()}


def test_a_difference_of_near_numbers_is_exact() -> None:
    found = exact_of(lambda x: (1 - torch.cos(x)) / x, x=1e-9)
    assert found["y"] == pytest.approx(5e-10, rel=1e-15)
    assert found["x"] == pytest.approx(0.5, rel=1e-15)


def test_nothing_overflows_or_underflows() -> None:
    found = exact_of(lambda x: torch.log(torch.exp(x) * torch.exp(-x / 2)), x=3000.0)
    assert found == {"y": 1500.0, "x": 0.5}
    assert exact_of(torch.nn.functional.silu, x=-740.0)["y"] < 0


def test_views_share_their_balls() -> None:
    def function(x: Any) -> Any:
        z = x * 1
        z[0] += 1
        z.view(2, 2)[1] *= 3
        return z.t().sum() if z.ndim > 1 else (z * torch.arange(4.0, dtype=z.dtype)).sum()

    found = exact_results(lambda layer, x: function(x), on(x=[0.1, 0.2, 0.3, 0.4]))
    assert found["x"][0].tolist() == [0, 1, 6, 9]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.cat([x, x.flip(0)])[1:].roll(2).sum(),
        lambda x: (x.scatter(0, torch.tensor([1]), -3.5) * x.roll(1)).sum(),
        lambda x: (torch.nn.functional.pad(x, (1, 2), value=2.5).square() * x[0]).sum(),
        lambda x: torch.sort(x).values[0] * torch.topk(x, 2).values.sum() * x.max(0).values,
        lambda x: torch.zeros(5, dtype=x.dtype).index_add(0, torch.tensor([1, 1, 4]), x).prod(),
        lambda x: torch.cumsum(x, 0).cumprod(0)[-1] + torch.nn.functional.pad(x, (1, 1)).amin(),
        lambda x: torch.lgamma(x.abs()).sum() + torch.erf(x).sum() * x.tanh().expm1().sum(),
        lambda x: torch.where(x > 0, x.exp2(), x.abs().log10()).mean() + torch.hypot(x, x).sum(),
        lambda x: (x.outer(x) @ x).clamp(-1, 2).norm() + torch.var(x),
        lambda x: torch.gather(x, 0, torch.tensor([2, 2, 0])).square().sum().reciprocal(),
    ],
    ids=[
        "moved",
        "filled",
        "padded",
        "sorted",
        "added",
        "running",
        "gamma",
        "where",
        "matrix",
        "gathered",
    ],
)
def test_operations_agree_with_torchs(function: Any) -> None:
    case = on(x=[0.7, -1.3, 0.2])

    def twin(layer: Any, x: Any) -> Any:
        return function(x)

    found = exact_results(twin, case)
    assert set(found) == {"y", "x"}
    assert all((radius <= 1e-60).all() for _, radius in found.values())
    assert not beyond_the_noise(twin, case, found)


@pytest.mark.parametrize("kind", [k for k in SUBJECT.rules if k.__name__ not in WITHOUT])
def test_the_function_without_rounding_lies_within_the_noise(kind: type) -> None:
    for drawn in right_cases(SUBJECT, kind, 6):
        case = drawn.with_dy(Oracle.of(SUBJECT.twin, drawn).y)
        found = exact_results(SUBJECT.twin, case)
        assert found
        assert not beyond_the_noise(SUBJECT.twin, case, found)


def test_binary_cross_entropy_is_cut_off_by_another_constant_than_its_kernel() -> None:
    """The kernel writes 1e-12 in float32 even for float64; it shows where x is 0 or 1 alone."""

    def twin(layer: Any, x: Any) -> Any:
        return torch.nn.functional.binary_cross_entropy(x, torch.zeros(1, dtype=x.dtype))

    for x, off in ((0.75, 0.0), (1.0, np.float64(1e-12) / np.float64(np.float32(1e-12)) - 1)):
        case = on(x=[x])
        exact = exact_results(twin, case)["x"][0]
        kernel = Oracle.of(twin, case).results(case.dy)["x"]
        assert kernel / exact - 1 == pytest.approx(off, abs=1e-15)


def test_nothing_is_said_of_other_operations() -> None:
    assert not exact_of(lambda x: torch.linalg.det(x.reshape(1, 1)), x=2.0)
    assert not exact_of(lambda x: torch.fft.fft(x.reshape(1)).real.sum(), x=2.0)
    assert not exact_results(lambda layer, x: (x.repeat(400_000)).sum(), on(x=2.0))


def first_errors(twin: Any, case: Case) -> dict[str, Any]:
    oracle = Oracle.of(twin, case)
    oracle.pull(case.dy)
    return next(oracle.kernel_errors())


def test_a_kernels_own_error_is_that_of_float32() -> None:
    layer = case_of(SUBJECT.layers["Tanh"](), x=np.linspace(-3, 3, 7))
    case = layer.with_dy(Oracle.of(SUBJECT.twin, layer).y)
    errors = first_errors(SUBJECT.twin, case)
    assert set(errors) == {"y", "x"}
    assert all((e >= 0).all() and (e < 1e-15).all() for e in errors.values())
    assert any(e.any() for e in errors.values())


def test_a_kernel_that_loses_half_its_digits_says_nothing() -> None:
    def cancels(layer: Any, x: Any) -> Any:
        return ((1e6 + x) - 1e6).sum()

    errors = first_errors(cancels, on(x=[0.3, 0.71]))
    assert not errors["y"].any()
