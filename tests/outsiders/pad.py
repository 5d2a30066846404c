"""Padding with what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from gradproof import real, spec
from tests.outsiders.common import bugs, cases, padded_index, twin


@dataclass(frozen=True)
class ReflectionPad2d:
    """x mirrored at its borders, which are not repeated; F.pad with "reflect"."""

    padding: tuple[int, int, int, int] = (1, 1, 1, 1)

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        left, right, top, bottom = self.padding
        h, w = x.shape[-2:]
        rows = padded_index("reflect", h, top, bottom)
        columns = padded_index("reflect", w, left, right)
        return x[..., rows[:, None], columns], (rows, columns, x.shape)

    def backward(self, saved: Any, dy: Any) -> Any:
        rows, columns, shape = saved
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, (..., rows[:, None], columns), dy)
        return {"x": dx}


@cases(ReflectionPad2d, rank=(3, 4), empty=False)
def reflection_pad2d(draw: Any, x: Any) -> Any:
    w, h = (min(3, n - 1) for n in (x[-1], x[-2]))
    padding = tuple(draw(st.integers(0, n)) for n in (w, w, h, h))
    return spec(ReflectionPad2d(padding), x=real(*x))


@twin.register
def _(layer: ReflectionPad2d, x: Any) -> Any:
    return F.pad(x, layer.padding, "reflect")


@dataclass(frozen=True)
class ReplicationPad1d:
    """x with its first and last numbers repeated; F.pad with "replicate"."""

    left: int = 1
    right: int = 1

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        length = x.shape[-1]
        at = np.clip(np.arange(-self.left, length + self.right), 0, length - 1)
        return x[..., at], (length,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (length,) = saved
        dx = dy[..., self.left : self.left + length].copy()
        dx[..., 0] += dy[..., : self.left].sum(axis=-1)
        dx[..., -1] += dy[..., self.left + length :].sum(axis=-1)
        return {"x": dx}


@cases(ReplicationPad1d, rank=(2, 3), empty=False)
def replication_pad1d(draw: Any, x: Any) -> Any:
    return spec(ReplicationPad1d(draw(st.integers(0, 5)), draw(st.integers(0, 5))), x=real(*x))


@twin.register
def _(layer: ReplicationPad1d, x: Any) -> Any:
    return F.pad(x, (layer.left, layer.right), "replicate")


@dataclass(frozen=True)
class CircularPad2d:
    """x repeated periodically; F.pad with "circular"."""

    padding: tuple[int, int, int, int] = (1, 1, 1, 1)

    def argument_kinds(self, count: int) -> dict[str, str]:
        return {"x": "real"}

    def forward(self, x: Any) -> Any:
        left, right, top, bottom = self.padding
        h, w = x.shape[-2:]
        rows, columns = np.arange(-top, h + bottom) % h, np.arange(-left, w + right) % w
        return x[..., rows[:, None], columns], (x.shape,)

    def backward(self, saved: Any, dy: Any) -> Any:
        (shape,) = saved
        left, right, top, bottom = self.padding
        h, w = shape[-2:]
        tall = dy[..., top : top + h, :].copy()
        tall[..., h - top :, :] += dy[..., :top, :]
        tall[..., :bottom, :] += dy[..., top + h :, :]
        dx = tall[..., left : left + w].copy()
        dx[..., w - left :] += tall[..., :left]
        dx[..., :right] += tall[..., left + w :]
        return {"x": dx}


@cases(CircularPad2d, rank=(3, 4), empty=False)
def circular_pad2d(draw: Any, x: Any) -> Any:
    w, h = (min(3, n) for n in (x[-1], x[-2]))
    padding = tuple(draw(st.integers(0, n)) for n in (w, w, h, h))
    return spec(CircularPad2d(padding), x=real(*x))


@twin.register
def _(layer: CircularPad2d, x: Any) -> Any:
    return F.pad(x, layer.padding, "circular")


BUGS = bugs(__name__, {
    "ReflectionPad2d.backward": [
        ("overwritten", "np.add.at(dx, (..., rows[:, None], columns), dy)",
         "dx[..., rows[:, None], columns] = dy", "x", "mirrored numbers overwrite the gradient"),
        ("cropped", "np.add.at(dx, (..., rows[:, None], columns), dy)",
         "l, _, t, _ = self.padding; dx += dy[..., t : t + shape[-2], l : l + shape[-1]]", "x",
         "the gradient of the padding is dropped"),
        ("symmetric", "np.add.", "rows = rows - (np.arange(len(rows)) < self.padding[2]); np.add.",
         "x", "the border is taken for repeated (symmetric) in backward"),
    ],
    "ReplicationPad1d.backward": [
        ("left-lost", "dx[..., 0] += dy[..., : self.left].sum(axis=-1)", "dx[..., 0] += 0",
         "x", "the repeated numbers on the left send nothing back"),
        ("right-set", "dx[..., -1] += dy", "dx[..., -1] = dy", "x", "= for += at the border"),
        ("mean", ", : self.left].sum(axis=-1)", ", : self.left].mean(axis=-1) if self.left else 0",
         "x", "a mean over the repeated numbers where the sum belongs"),
        ("wrong-end", "[..., -1] += dy[..., self.left + length :]", "[..., -1] += dy[..., length:]",
         "x", "the right padding is taken to start at the length"),
    ],
    "CircularPad2d.backward": [
        ("corner", "tall[..., left + w :]", "dy[..., top : top + h, left + w :]",
         "x", "the corners are lost: the second axis starts from dy"),
        ("sides", "dx[..., w - left :] += tall[..., :left]", "dx[..., :left] += tall[..., :left]",
         "x", "the left padding is put back on the left, as for reflection"),
        ("set", "tall[..., :bottom, :] += dy", "tall[..., :bottom, :] = dy",
         "x", "= for += where the image wraps around"),
    ],
})  # fmt: skip
