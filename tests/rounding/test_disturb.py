"""The noise: disturbances in the last place, and what they do not show by themselves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the noise is torch's")

import torch

from gradproof.oracle.tensors import CURVED, THOROUGH, disturbed_runs
from gradproof.rounding.bound import C
from gradproof.rounding.disturb import Disturbance, disturb
from manual.layers.sparse import Embedding
from tests.planted import case_of, judged, normal

U = 2.0**-53
LEAST = float(np.finfo("float64").smallest_normal)


def samples(function: Any, *arrays: Any, count: int = 50) -> tuple[Any, Any]:
    """The result undisturbed, and so many disturbed ones."""
    given = [torch.tensor(a, dtype=torch.float64) for a in arrays]
    mode = Disturbance(seed=0)
    with mode:
        exact = function(*given)
    found = []
    for _ in range(count):
        mode.again()
        with mode:
            found.append(function(*given))
    return exact.numpy(), torch.stack(found).numpy()


def test_disturbed_by_at_most_two_units_towards_zero() -> None:
    t = torch.tensor([1.0, -3.0, 0.0, 1e300, -1e-300], dtype=torch.float64)
    off = torch.stack([disturb(t, seed) - t for seed in range(100)]).numpy()
    share = off / np.where(t == 0, 1, t).reshape(1, -1)
    assert (share <= 0).all() and (share >= -3 * U).all()
    assert (off[:, 2] == 0).all()
    assert (share[:, [0, 1, 3, 4]] < -U / 2).any(axis=0).all()


def test_the_seed_decides_the_disturbance() -> None:
    t = torch.linspace(1, 2, 500, dtype=torch.float64)
    assert torch.equal(disturb(t, 3), disturb(t, 3))
    assert not torch.equal(disturb(t, 3), disturb(t, 4))


def test_what_is_not_finite_stays_as_it_is() -> None:
    t = torch.tensor([float("inf"), -float("inf"), float("nan")])
    assert torch.equal(disturb(t, 1).nan_to_num(7.0), t.nan_to_num(7.0))


def test_an_array_larger_than_the_pool_is_disturbed_throughout() -> None:
    t = torch.ones(200_001, dtype=torch.float32)
    off = disturb(t, 5) != t
    assert off.shape == t.shape
    assert all(part.any() for part in off.split(1000))


def test_every_arithmetic_result_is_disturbed_by_some_units() -> None:
    exact, found = samples(torch.mul, [1.0, 3.0], [1.0, 7.0])
    share = np.abs(found / exact - 1)
    assert (share.max(axis=0) > U).all() and (share <= 3 * U).all()
    assert len(np.unique(found, axis=0)) > 1


def test_a_difference_that_cancels_shows_the_noise_of_what_came_before() -> None:
    exact, found = samples(lambda x: x * x - x * x, [3.0])
    assert exact == 0
    assert np.abs(found).max() > 4 * U


def test_decisions_are_replayed() -> None:
    def function(x: Any) -> Any:
        return torch.where(x * (1 + 2 * U) > x, x, 100 * x)

    exact, found = samples(function, np.linspace(1, 2, 64).tolist())
    assert ((found > 50) == (exact > 50)).all()


@pytest.mark.parametrize("terms", [int(C), int(C) + 1, 1000])
def test_a_long_sum_is_disturbed_by_what_any_order_may_cost(terms: int) -> None:
    ones = torch.ones(terms, dtype=torch.float64).tolist()
    for function in (
        lambda x: x.sum(),
        lambda x: x @ x,
        lambda x: (x[None] @ x[:, None]).squeeze(),
    ):
        exact, found = samples(function, ones, count=200)
        share = np.abs(found / exact - 1).max()
        reached = terms * U / C
        if terms > C:
            assert share > 0.5 * reached
        assert share <= reached + 5 * U


def conv(x: Any, w: Any) -> Any:
    return torch.nn.functional.conv1d(x, w, padding=1)


@pytest.mark.parametrize("channels", [5, 6, 200])
def test_a_convolution_is_a_sum_as_long_as_its_window(channels: int) -> None:
    """Of 3 columns, of which one at either end is padding; its gradients are sums as well."""
    x, w = np.ones((2, channels, 8)), np.ones((4, channels, 3))

    def both(x: Any, w: Any) -> Any:
        x.requires_grad_(), w.requires_grad_()
        y = conv(x, w)
        dx, dw = torch.autograd.grad(y.sum(), (x, w))
        return torch.cat([a.detach().ravel() for a in (y, dx, dw)])

    exact, found = samples(both, x, w, count=100)
    share = np.abs(found / exact - 1).max(axis=0)
    inner = np.array([2, *[3] * 6, 2]) * channels
    terms = np.concatenate([np.tile(inner, 8), np.zeros(x.size), np.zeros(w.size)])
    long = terms > C
    assert (share[long] > 0.3 * terms[long] * U / C).all()
    assert (share <= np.maximum(terms, 16) * U / C + 8 * U).all()
    assert (share > 0).all()


def test_a_convolution_that_cancels_is_as_uncertain_as_its_terms() -> None:
    signs = np.where(np.arange(6) % 2, 1.0, -1.0)
    exact, found = samples(
        conv, np.ones((1, 6, 1)), np.stack([signs, signs])[..., None] * [0, 1, 0]
    )
    assert (exact == 0).all()
    assert np.abs(found).max() > U


@pytest.mark.parametrize("function", [torch.linalg.det, lambda a: torch.fft.rfft(a).real])
def test_what_is_not_known_is_as_uncertain_as_its_operands(function: Any) -> None:
    """Both are 0, of which a share would be nothing."""
    exact, found = samples(function, [[1.0, -1.0], [1.0, -1.0]])
    at = exact == 0
    assert at.any()
    assert (np.abs(found).max(axis=0) > U / 4)[at].all()


def test_what_is_written_in_place_arrives() -> None:
    def function(x: Any, w: Any) -> Any:
        y = x.clone()
        y.addmm_(w, w)
        y.index_put_((torch.tensor([0, 0]),), w, accumulate=True)
        return y

    exact, found = samples(function, np.ones((2, 2)), [[1.0, 2.0], [3.0, 4.0]])
    assert exact.tolist() == [[1 + 7 + 1 + 3, 1 + 10 + 2 + 4], [1 + 15, 1 + 22]]
    assert np.abs(found / exact - 1).max() < 20 * U
    assert (found != exact).any(axis=0).all()


def test_whole_numbers_are_decided_by_the_undisturbed_run() -> None:
    def function(x: Any) -> Any:
        y = x * 1
        return torch.stack([y.floor(), y.ceil(), y.round(), y.trunc()])

    exact, found = samples(function, [3.0, -2.0, 2.5, 0.0])
    assert (found == exact).all()


def test_a_step_inside_of_a_kernel_is_not_crossed() -> None:
    def function(x: Any) -> Any:
        x.requires_grad_()
        return torch.autograd.grad(torch.nn.functional.hardshrink(x, 0.5).sum(), x)[0]

    exact, found = samples(function, [0.5, -0.5, 0.75])
    assert (np.abs(found - exact) <= 3 * U).all()


def test_a_sum_of_one_sign_and_of_two_are_as_uncertain() -> None:
    alternating = np.where(np.arange(1000) % 2, 1.0, -1.0).tolist()
    _, found = samples(torch.sum, alternating, count=100)
    reached = 1000 * 1000 * U / C  # n u Σ |term|
    assert reached / 2 < np.abs(found).max() <= reached + 100 * U


ROW, ONES = np.where(np.arange(400) % 2, 1.0, -1.0), np.ones(400)
ROWS, COLUMNS = np.stack([ROW, ROW]), np.ones((400, 3))


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("dot", (ROW, ONES)),
        ("mv", (ROWS, ONES)),
        ("mm", (ROWS, COLUMNS)),
        ("bmm", (ROWS[np.newaxis], COLUMNS[np.newaxis])),
        ("addmv", (np.zeros(2), ROWS, ONES)),
        ("addmm", (np.zeros((2, 3)), ROWS, COLUMNS)),
        ("baddbmm", (np.zeros((1, 2, 3)), ROWS[np.newaxis], COLUMNS[np.newaxis])),
        ("mean", (ROW,)),
        ("sum", (ROW,)),
    ],
)
def test_every_long_sum_may_be_added_up_in_any_order(name: str, arrays: Any) -> None:
    function = getattr(torch, name)
    terms = function(*(torch.tensor(np.abs(a)) for a in arrays)).numpy()
    exact, found = samples(function, *arrays, count=100)
    reached = 400 * U * terms / C  # n u Σ |term|
    most = np.abs(found - exact).max(axis=0)
    assert (most > reached / 2).all() and (most < 1.2 * reached).all()


def test_a_running_sum_is_one_of_as_many_terms_as_its_axis_has() -> None:
    exact, found = samples(lambda x: torch.cumsum(x, 1), ROWS, count=100)
    most = np.abs(found - exact).max(axis=0)[:, -1]
    assert (most > 400 * 400 * U / C / 2).all()
    short = np.where(np.arange(12) % 2, 1.0, -1.0)
    exact, found = samples(lambda x: torch.cumsum(x, 0), short, count=100)
    assert np.abs(found - exact).max() < 12 * 3 * U, "no more than its terms are disturbed"
    one, moved = samples(lambda x: torch.cumsum(x, 0), 3.0)
    assert (np.abs(moved - one) <= 9 * U).all()


def test_a_product_below_the_normal_numbers_may_be_anything_down_to_zero() -> None:
    exact, found = samples(torch.mul, [LEAST, -LEAST, 1.0], [0.25, 0.25, 0.25], count=400)
    share = found / exact
    assert (share[:, :2] >= 0).all() and (share[:, :2] <= 1 + 1e-9).all()
    assert (share[:, :2].min(axis=0) < 0.1).all() and (share[:, :2].max(axis=0) > 0.9).all()
    assert np.abs(share[:, 2] - 1).max() <= 3 * U


def test_a_product_that_was_lost_may_be_the_smallest_number_of_either_sign() -> None:
    exact, found = samples(torch.mul, [1e-200, 0.0, 2.0], [1e-200, 1e-200, 0.0], count=100)
    assert (exact == 0).all()
    smallest = float(np.nextafter(0, 1))
    assert set(np.unique(found[:, 0])) == {-smallest, smallest}
    assert (found[:, 1:] == 0).all(), "nothing was lost where a factor is zero"


def test_a_quotient_by_infinity_is_zero_and_lost_nothing() -> None:
    _, found = samples(torch.div, [1.0, 1e-300], [float("inf"), 1e300], count=20)
    assert (found[:, 0] == 0).all()
    assert (found[:, 1] != 0).all()


def test_what_is_rounded_inside_of_a_recurrent_layer_is_disturbed() -> None:
    """oneDNN's kernel would keep to itself that 1 − σ(17) is a rounding in float32."""

    def function(bias: Any) -> Any:
        bias = bias.float().requires_grad_()
        ones, zeros = torch.ones(1, 1, 1), torch.zeros(1, 1, 1)
        weights = [torch.ones(4, 1), torch.ones(4, 1), bias, torch.zeros(4)]
        rest = (True, 1, 0.0, False, False, False)
        y, *_ = torch.lstm(ones, (zeros, ones), weights, *rest)
        return torch.autograd.grad(y.sum(), bias)[0].double()

    before = torch.backends.mkldnn.enabled
    exact, found = samples(function, [16.0, 16.0, 0.5, 0.5])
    assert torch.backends.mkldnn.enabled == before
    noise = np.abs(found - exact).max(axis=0)
    assert (noise[:2] > np.abs(exact[:2]) / 2).all(), "of the gates that are closed"
    assert (noise[2:] < 1e-5 * np.abs(exact[2:])).all()


def test_what_cancels_inside_of_attention_is_disturbed() -> None:
    """Flash attention would keep to itself what its softmax takes from the cotangent."""

    def function(q: Any) -> Any:
        q = q.reshape(1, 1, 1, 2).requires_grad_()
        k = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64).reshape(1, 1, 2, 2)
        v = torch.tensor([[1.0, 5.0], [1.0, 5.0]], dtype=torch.float64).reshape(1, 1, 2, 2)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        return torch.autograd.grad(y, q, torch.tensor([[[[1.0, 3.0]]]], dtype=torch.float64))[0]

    exact, found = samples(function, [0.3, -0.7])
    assert np.abs(exact).max() < 1e-14, "both rows of v are the same"
    assert np.abs(found - exact).max() > 4 * U


@pytest.mark.parametrize(
    "variance",
    [lambda x: (x - x.mean()).square().mean(), lambda x: x.var(correction=0)],
    ids=["composed", "fused"],
)
def test_what_grows_with_the_square_of_a_sums_error_is_covered(variance: Any) -> None:
    """The variance of equal numbers is the square of the error of their mean."""
    n, value = 40, 1 / 3
    x = torch.full((n,), value, dtype=torch.float64)
    pairs = [found["y"] for found in disturbed_runs(0, ["y"], lambda: [variance(x)])]
    covered = np.array([C * abs(moved - exact) for moved, exact in pairs])
    assert len(covered) == THOROUGH + CURVED
    may_be = (n * U * value) ** 2
    assert covered[:THOROUGH].max() < may_be / 2 < covered[THOROUGH:].max() < 1.1 * may_be


def test_equal_terms_at_a_repeated_index_round_the_same_way() -> None:
    """Each of 300 rows is the first of the table, and their number divides before or after."""
    case = case_of(
        Embedding(scale_grad_by_freq=True),
        "float32",
        x=np.zeros(300, int),
        weight=np.zeros((1, 3)),
    )
    for seed in range(10):
        dy = np.broadcast_to(normal(3, seed=seed).astype("f4"), (300, 3))
        assert not judged(replace(case, dy=(dy,))).flagged


def test_torchs_compiler_is_not_loaded() -> None:
    """It takes each process two seconds."""
    text = (
        "import sys, torch; from gradproof.rounding.disturb import Disturbance\n"
        "with Disturbance(0): torch.nn.functional.gelu(torch.ones(3))\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0
