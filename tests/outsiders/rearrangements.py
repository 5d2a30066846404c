"""Numbers moved about or left out, by a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, pick, twin


@dataclass(frozen=True)
class PixelShuffle:
    """(N, C·r², H, W) → (N, C, H·r, W·r); F.pixel_shuffle."""

    times: int = 2

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        r = self.times
        y = x.reshape(n, c // r**2, r, r, h, w).transpose(0, 1, 4, 2, 5, 3)
        return y.reshape(n, c // r**2, h * r, w * r).copy(), (x.shape,)

    def backward(self, saved: Any, dy: Any) -> Any:
        ((n, c, h, w),) = saved
        r = self.times
        g = dy.reshape(n, c // r**2, h, r, w, r).transpose(0, 1, 3, 5, 2, 4)
        return {"x": g.reshape(n, c, h, w).copy()}


@cases(PixelShuffle, rank=(4, 4), empty=False)
def pixel_shuffle(draw: Any, x: Any) -> Any:
    r = pick(draw, 1, 2, 3)
    return spec(PixelShuffle(r), x=real(x[0], x[1] * r * r, *x[2:]))


@twin.register
def _(layer: PixelShuffle, x: Any) -> Any:
    return F.pixel_shuffle(x, layer.times)


@dataclass(frozen=True)
class Roll:
    """Numbers moved along an axis; those that fall off come back in front."""

    shift: int = 1
    axis: int = -1

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        return np.roll(x, self.shift, self.axis), ()

    def backward(self, saved: Any, dy: Any) -> Any:
        return {"x": np.roll(dy, -self.shift, self.axis)}


@cases(Roll, rank=(1, 4))
def roll(draw: Any, x: Any) -> Any:
    return spec(Roll(draw(st.integers(-7, 7)), draw(st.integers(0, len(x) - 1))), x=real(*x))


@twin.register
def _(layer: Roll, x: Any) -> Any:
    return torch.roll(x, layer.shift, layer.axis)


@dataclass(frozen=True)
class Tril:
    """The lower triangle of each matrix, up to a diagonal."""

    diagonal: int = 0

    def argument_kinds(self, count: int) -> Any:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        return np.tril(x, self.diagonal), ()

    def backward(self, saved: Any, dy: Any) -> Any:
        return {"x": np.tril(dy, self.diagonal)}


@cases(Tril, rank=(2, 4))
def tril(draw: Any, x: Any) -> Any:
    return spec(Tril(draw(st.integers(-2, 2))), x=real(*x))


@twin.register
def _(layer: Tril, x: Any) -> Any:
    return torch.tril(x, layer.diagonal)


BUGS = bugs(__name__, {
    "PixelShuffle.backward": [
        ("swapped", "transpose(0, 1, 3, 5, 2, 4)", "transpose(0, 1, 5, 3, 2, 4)",
         "x", "the two subpixel axes are swapped"),
        ("own-inverse", "h, r, w, r).transpose(0, 1, 3, 5, 2, 4",
         "r, h, r, w).transpose(0, 1, 2, 4, 3, 5", "x", "blocks instead of interleaved subpixels"),
        ("no-transpose", "dy.reshape(n, c // r**2, h, r, w, r).transpose(0, 1, 3, 5, 2, 4)", "dy",
         "x", "a reshape without the transpose"),
    ],
    "Roll.backward": [
        ("direction", "-self.shift", "self.shift", "x", "moved on, not back"),
        ("axis", ", self.axis)", ", -1)", "x", "the last axis, whatever the option says"),
        ("once", "-self.shift", "-np.sign(self.shift)", "x", "one step, whatever the shift"),
    ],
    "Tril.backward": [
        ("mask", "np.tril(dy, self.diagonal)", "dy.copy()", "x", "no mask in backward"),
        ("diagonal", "np.tril(dy, self.diagonal)", "np.tril(dy)", "x", "the option is forgotten"),
        ("upper", "np.tril(dy, self.diagonal)", "np.triu(dy, self.diagonal)",
         "x", "the other half"),
        ("strict", "self.diagonal)", "self.diagonal - 1)", "x", "the edge is left out"),
    ],
})  # fmt: skip
