"""Layers that are wrong only for lengths that small cases do not have, as a kernel's last tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from tests.field.outsiders import faults, outsider


def lost(g: Any, axis: int, beyond: int) -> Any:
    """The gradient without what lies beyond so many places along an axis."""
    g = np.array(g)
    np.moveaxis(g, axis, 0)[beyond:] = 0
    return {"x": g}


@pytest.mark.parametrize(
    ("forward", "backward", "twin", "beyond"),
    [
        (lambda x: (x * x, (x,)), lambda s, dy: lost(2 * s[0] * dy, -1, 16), lambda x: x * x, 16),
        (
            lambda x: (np.sin(x), (x,)),
            lambda s, dy: lost(np.cos(s[0]) * dy, 0, 32),
            torch.sin,
            32,
        ),
        (
            lambda x: (x.sum(-1), (x,)),
            lambda s, dy: lost(s[0] * 0 + dy[..., None], -1, 128),
            lambda x: x.sum(-1),
            128,
        ),
    ],
    ids=["square", "sine", "sum"],
)
def test_a_tile_is_lost(forward: Any, backward: Any, twin: Any, beyond: int) -> None:
    found = faults(outsider(forward, backward, twin), count=100)
    assert found
    assert all(max(f.shape) > beyond for f in found)
