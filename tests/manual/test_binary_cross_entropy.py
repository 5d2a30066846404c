"""The losses of a yes or a no, where their terms nearly cancel."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="losses are judged against torch")

from manual.losses.binary_cross_entropy import BCEWithLogitsLoss
from tests.planted import case_of, judged, normal


@pytest.mark.parametrize("size", [1.0, 1e2, 1e4, 1e8])
def test_a_large_target_with_a_weight_near_one_does_not_cancel(size: float) -> None:
    loss = BCEWithLogitsLoss(reduction="none")
    target = size * np.abs(normal(40, 5))
    near_one = 1 + 1e-3 * normal(5)
    case = case_of(loss, x=0.1 * normal(40, 5, seed=1), target=target, pos_weight=near_one)
    assert judged(case).verdict == "agree"
