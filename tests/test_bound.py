"""The bound at the ends of a dtype's range."""

from __future__ import annotations

import numpy as np

from gradproof.bound import Comparison


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
