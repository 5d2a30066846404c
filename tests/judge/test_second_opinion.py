"""What both sides may have in common is asked only where one number decides one number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from gradproof import Case
from gradproof.judge.second_opinion import _entrywise
from gradproof.oracle.layer import Oracle
from tests.planted import SUBJECT


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_function_of_pairs_is_not_entrywise_however_far_apart_they_lie(axis: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 2, 1023)).astype(np.float32)
    case = Case(SUBJECT.layers["Sigmoid"](), {"x": x}, {"x": "real"}, "float32")

    def asked(twin: Any) -> bool:
        return _entrywise(twin, case, Oracle.of(twin, case), "x")

    assert asked(lambda _, x: torch.sigmoid(x))
    assert not asked(lambda _, x: torch.nn.functional.normalize(x, dim=axis))
    assert not asked(lambda _, x: x.cumsum(axis))
    assert not asked(lambda _, x: x.flip(axis).cumsum(axis))
