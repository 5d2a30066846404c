"""Positions as rotations of pairs of features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, twin


@dataclass(frozen=True)
class RotaryEmbedding:
    """Pairs of the first `rotated` features turned by position · base^(−2i / rotated).

    x (batch, length, heads, features). A pair is (2i, 2i + 1) if interleaved, else (i, i + half).
    No kernel in torch.
    """

    rotated: int
    interleaved: bool = False
    base: float = 10000.0

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def table(self, length: int) -> Any:
        """The angles of each position and pair, in float64."""
        rates = self.base ** (-np.arange(0, self.rotated, 2) / self.rotated)
        return (np.arange(length)[:, None] * rates)[:, None, :]

    def halves(self) -> tuple[slice, slice]:
        half = self.rotated // 2
        if self.interleaved:
            return slice(0, self.rotated, 2), slice(1, self.rotated, 2)
        return slice(0, half), slice(half, self.rotated)

    def forward(self, x: Any) -> Any:
        angles = self.table(x.shape[1])
        cos, sin = np.cos(angles).astype(x.real.dtype), np.sin(angles).astype(x.real.dtype)
        first, second = self.halves()
        a, b = x[..., first], x[..., second]
        y = x.copy()
        y[..., first], y[..., second] = a * cos - b * sin, a * sin + b * cos
        return y, (cos, sin)

    def backward(self, saved: Any, dy: Any) -> Any:
        cos, sin = saved
        first, second = self.halves()
        a, b = dy[..., first], dy[..., second]
        dx = dy.copy()
        dx[..., first] = a * cos + b * sin
        dx[..., second] = b * cos - a * sin
        return {"x": dx}


@cases(RotaryEmbedding, rank=(4, 4), empty=False)
def rotary_embedding(draw, x):
    features = x[3] + x[3] % 2
    rotated = draw(st.sampled_from([features, 2 * ((features + 2) // 4)]))
    layer = RotaryEmbedding(rotated, draw(st.booleans()), draw(st.sampled_from([10000.0, 100.0])))
    return spec(layer, x=real(*x[:3], features))


@twin.register
def _(layer: RotaryEmbedding, x):
    pairs = torch.arange(0, layer.rotated, 2, dtype=torch.float64)
    place = torch.arange(x.shape[1], dtype=torch.float64)
    angles = (place[:, None] * layer.base ** (-pairs / layer.rotated))[:, None, :]
    turn = torch.polar(torch.ones_like(angles), angles)
    cos, sin = turn.real.to(x.dtype), turn.imag.to(x.dtype)
    head, rest = x[..., : layer.rotated], x[..., layer.rotated :]
    if layer.interleaved:
        a, b = head.unflatten(-1, (-1, 2)).unbind(-1)
        turned = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    else:
        a, b = head.chunk(2, -1)
        turned = torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
    return torch.cat((turned, rest), -1)


BUGS = bugs(__name__, {
    "RotaryEmbedding.backward": [
        ("forward-again", "a * cos + b * sin", "a * cos - b * sin",
         "x", "the rotation is applied again instead of its inverse"),
        ("both-signs", "b * cos - a * sin", "b * cos + a * sin",
         "x", "a sign of the inverse rotation"),
        ("rest-forgotten", "dy.copy()", "np.zeros_like(dy)",
         "x", "features that are not turned get no gradient"),
        ("layout", "self.halves()", "RotaryEmbedding(self.rotated).halves()",
         "x", "backward knows one layout of pairs only"),
    ],
})  # fmt: skip
