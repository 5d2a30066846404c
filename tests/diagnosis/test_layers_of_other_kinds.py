"""Causes in layers of kinds that this repository does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the twins are torch's")

import torch.nn.functional as F

from gradproof.arrays import Array
from tests.planted import SUBJECT, case_of, cause_of, judged, normal

BOTH = "a mean or a sum and a term proportional to x along axis 0 are missing"
ONE = "a term proportional to saved array 1 along axis 0 is missing"
SOME = "where several contributions meet, only some of them arrive: = for +="


@dataclass(frozen=True)
class Normalize:
    """A batch normalisation of mean 1 and deviation 1; `wrong` says what is left out."""

    wrong: str = ""

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Array) -> Any:
        std = np.sqrt(x.var(axis=0) + x.dtype.type(1e-5))
        normal = (x - x.mean(axis=0)) / std
        return normal + 1, (normal, std)

    def backward(self, saved: Any, dy: Array) -> dict[str, Array]:
        normal, std = saved
        mean = 0 if "mean" in self.wrong else dy.mean(axis=0)
        along = 0 if "variance" in self.wrong else (dy * normal).mean(axis=0)
        return {"x": (dy - mean - normal * along) / std}


@dataclass(frozen=True)
class Reflect:
    """Padding by what lies inside of the edges."""

    wrong: str = ""

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Array) -> Any:
        at = np.pad(np.arange(x.shape[-1]), 1, mode="reflect")
        return x[:, at], (at, x.shape)

    def backward(self, saved: Any, dy: Array) -> dict[str, Array]:
        at, shape = saved
        dx = np.zeros(shape, dy.dtype)
        if self.wrong == "assigned":
            dx[:, at] = dy
        else:
            np.add.at(dx, (slice(None), at), dy)
        if self.wrong == "edge":
            dx[:, -1] = 0
        return {"x": dx}


def twin(layer: Any, x: Any) -> Any:
    if isinstance(layer, Reflect):
        return F.pad(x, (1, 1), mode="reflect")
    return F.batch_norm(x, None, None, training=True, eps=1e-5) + 1


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUBJECT.__dict__, "twin", twin)


@pytest.mark.parametrize("layer", [Normalize(), Reflect()])
def test_they_are_right(layer: Any) -> None:
    assert judged(case_of(layer, x=normal(3, 4))).culprit is None


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize(("wrong", "cause"), [("mean and variance", BOTH), ("variance", ONE)])
def test_statistics_taken_for_constants(rows: int, wrong: str, cause: str) -> None:
    """Of two rows alone anything could be said; so longer axes are asked."""
    assert cause_of(case_of(Normalize(wrong), x=normal(rows, 1))) == cause


def test_contributions_that_are_overwritten() -> None:
    assert cause_of(case_of(Reflect("assigned"), x=normal(2, 3))) == SOME


def test_what_is_lost_altogether_is_not_overwritten() -> None:
    assert cause_of(case_of(Reflect("edge"), x=normal(2, 3))) == (
        "only column 2 (the last): zero, and should not be"
    )
