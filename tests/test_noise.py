"""The noise: disturbances in the last place, and what they do not show by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the noise is torch's")

import torch

from gradproof.bound import C
from gradproof.noise import Disturbance, disturb

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


def test_a_sum_of_one_sign_and_of_two_are_as_uncertain() -> None:
    alternating = np.where(np.arange(1000) % 2, 1.0, -1.0).tolist()
    _, found = samples(torch.sum, alternating, count=100)
    reached = 1000 * 1000 * U / C  # n u Σ |term|
    assert reached / 2 < np.abs(found).max() <= reached + 100 * U


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
