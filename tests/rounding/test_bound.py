"""The bound, and what is said in numbers of a comparison."""

from __future__ import annotations

import numpy as np
import pytest

from gradproof.rounding.bound import C, Comparison, Figures, figures, settle, vacuous


def test_data_beyond_the_range_of_the_dtype_leaves_nothing_to_compare() -> None:
    reference = np.array([np.inf, 1.0], dtype="float32")
    c = Comparison(np.array([np.inf, 2.0], dtype="float32"), reference, scale=1e80)
    c.add(reference, reference)
    assert c.within()


def test_an_infinity_that_stays_one_is_no_noise() -> None:
    reference = np.array([np.inf, 1.0])
    c = Comparison(np.array([1.0, 1.0]), reference)
    c.add(reference, reference)
    assert not c.within()


def compared(manual: list[float], reference: list[float], dtype: str = "float64") -> Comparison:
    return Comparison(np.array(manual, dtype=dtype), np.array(reference, dtype=dtype))


def test_the_worst_entry_is_the_one_that_is_shown() -> None:
    u = 2.0**-53
    c = compared([1.0, 2.0 + 16 * u, -4.0 - 320 * u, 8.0], [1.0, 2.0, -4.0, 8.0])
    shown = figures(c)
    assert shown.worst_index == (2,)
    assert (shown.manual, shown.reference) == (-4.0 - 320 * u, -4.0)
    assert shown.max_abs_diff == 320 * u
    assert shown.max_ulp_diff == 320 / 8, "the spacing at 4 is 8 u"
    assert shown.bound == C * 4 * u
    assert shown.worst_ratio == 320 / (C * 4)
    assert shown.n_over == 1
    assert vacuous(c) == ""


def test_one_over_its_bound_and_one_on_it() -> None:
    u = 2.0**-53
    assert figures(compared([1 + 16 * u, 1.0], [1.0, 1.0])).n_over == 0
    assert figures(compared([1 + 18 * u, 1 + 18 * u], [1.0, 1.0])).n_over == 2


def test_direction_and_length_are_those_of_the_vectors() -> None:
    shown = figures(compared([3.0, 4.0], [4.0, -3.0]))
    assert shown.cosine == 0 and shown.norm_ratio == 1
    shown = figures(compared([2e-200, 0.0], [1e-200, 0.0]))
    assert shown.cosine == 1 and shown.norm_ratio == pytest.approx(2)
    shown = figures(compared([3.0, 4.0], [0.0, 5.0]))
    assert shown.cosine == pytest.approx(0.8) and shown.norm_ratio == pytest.approx(1)
    shown = figures(compared([0.0, 0.0], [0.0, 1.0]))
    assert np.isnan(shown.cosine) and shown.norm_ratio == 0
    shown = figures(compared([1.0], [0.0]))
    assert np.isnan(shown.cosine) and np.isnan(shown.norm_ratio)


def test_equal_arrays_show_their_largest_entry() -> None:
    same = [[1.0, -2.0], [0.5, 1.5]]
    shown = figures(Comparison(np.array(same), np.array(same)))
    bound = C * 2 * 2.0**-53
    assert shown == Figures(0.0, 0.0, 0.0, (0, 1), -2.0, -2.0, bound, 0, 1.0, 1.0)


def test_what_could_not_have_failed_says_why() -> None:
    right = compared([0.0, 0.0], [0.0, 0.0]), compared([], [])
    assert [*map(vacuous, right)] == ["all zero", "empty"]
    zeros, nothing = map(figures, right)
    assert (zeros.worst_index, zeros.n_over) == ((0,), 0)
    assert np.isnan([zeros.cosine, zeros.norm_ratio]).all()
    assert (zeros.max_abs_diff, zeros.max_ulp_diff, zeros.worst_ratio) == (0, 0, 0)
    assert (nothing.worst_index, nothing.n_over) == ((), 0)
    assert np.isnan([nothing.manual, nothing.reference, nothing.bound]).all()
    assert np.isnan([nothing.cosine, nothing.norm_ratio]).all()
    assert (nothing.max_abs_diff, nothing.max_ulp_diff, nothing.worst_ratio) == (0, 0, 0)
    assert vacuous(compared([1e-300], [0.0])) == "all zero"


def test_noise_as_large_as_the_values_is_blind() -> None:
    c = compared([1.0, 1.5], [1.0, 1.0])
    c.add(np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    assert vacuous(c) == "bound as large as the values"
    c = compared([1.0, 1.5], [1.0, 1.0])
    c.add(np.array([2.0, 1.0]), np.array([1.0, 1.0]))
    assert vacuous(c) == ""


def test_the_floor_is_the_greatest_noise_and_never_less_than_the_roundoff() -> None:
    u, least = 2.0**-53, float(np.finfo("float64").smallest_normal)
    c = compared([1.0, 2.0], [1.5, 2.5])
    assert c.bound.tolist() == [C * (1.5 * u + least), C * (2.5 * u + least)]
    c.add(np.array([1.5, 2.5 + 2.0**-40]), np.array([1.5, 2.5]))
    c.add(np.array([1.5 - 2.0**-41, 2.5]), np.array([1.5, 2.5]))
    assert c.bound.tolist() == [C * 2.0**-41, C * 2.0**-40]
    assert c.samples == 2


def test_a_side_that_is_not_finite_may_be_anything() -> None:
    c = compared([5.0, 1.0], [1.0, 1.0])
    c.add(np.array([np.inf, 1.0]), np.array([1.0, 1.0]))
    assert c.within() and c.bound[0] == np.inf
    c = compared([np.nan, np.nan], [np.nan, 1.0])
    assert c.error.tolist() == [0.0, np.inf]


def test_samples_are_taken_until_all_is_within() -> None:
    c, other = compared([1.25], [1.0]), compared([2.0], [2.0])
    one = {"c": (np.array([1 + 2.0**-10]), np.array([1.0])), "unknown": (c.manual, c.manual)}
    enough = {"c": (np.array([1 + 2.0**-5]), np.array([1.0]))}
    assert settle({"c": c, "other": other}, [one, enough, enough]) == 2
    assert settle({"c": c, "other": other}, [one]) == 0
    assert settle({"c": compared([1.25], [1.0])}, [one, one]) == 2


def test_underflow_may_lose_the_smallest_number_times_the_data() -> None:
    least = float(np.finfo("float32").smallest_normal)
    lost = np.zeros(1, "float32"), np.full(1, 8 * least, "float32")
    assert Comparison(*lost).within()
    lost = np.zeros(1, "float32"), np.full(1, 32 * least, "float32")
    assert not Comparison(*lost).within()
    assert Comparison(*lost, scale=4.0).within()
