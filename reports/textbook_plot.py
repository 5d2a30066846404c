"""From numbers to places on a drawing: axes with round ticks, lines and arrows as SVG paths."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from reports.textbook_numbers import minus

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """Axes that show the ranges x and y on a drawing of width × height pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int
    left: int = 44
    top: int = 20

    @property
    def right(self) -> int:
        return self.width - 12

    @property
    def bottom(self) -> int:
        return self.height - 40

    def at(self, x: float, y: float) -> Point:
        """Where the value (x, y) lies, in pixels."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(self.left + across * (self.right - self.left), 1),
            round(self.bottom - up * (self.bottom - self.top), 1),
        )

    def line(self, values: Iterable[Iterable[float]]) -> str:
        """The path through the values (x, y)."""
        return polyline(self.at(*value) for value in values)

    def x_ticks(self) -> list[tuple[Point, str]]:
        return [((self.at(v, 0)[0], self.bottom + 16), minus(f"{v:g}")) for v in ticks(*self.x)]

    def y_ticks(self) -> list[tuple[Point, str]]:
        return [((self.left - 6, self.at(0, v)[1] + 4), minus(f"{v:g}")) for v in ticks(*self.y)]

    def border(self) -> str:
        return f"M{self.left} {self.top}V{self.bottom}H{self.right}"

    def grid(self) -> str:
        across = [f"M{self.left} {self.at(0, v)[1]}H{self.right}" for v in ticks(*self.y)]
        return "".join(across)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from low to high, 1, 2 or 5 × a power of ten apart; `about` many."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(k * step, 12) for k in range(first, last + 1)]


def polyline(points: Iterable[Point]) -> str:
    """The path through points given in pixels: to each one the way from the one before."""
    (x0, y0), *rest = points
    path = f"M{x0:g} {y0:g}"
    for x, y in rest:
        path += f"l{round(x - x0, 1):g} {round(y - y0, 1):g}"
        x0, y0 = x, y
    return path.replace(" -", "-")


def arrow(start: Point, end: Point, gap: float = 0.0) -> str:
    """A shaft with an open head that stops `gap` short of its end; a short one has a small head."""
    length = math.dist(start, end) - gap
    if length < 3:
        return polyline((start, end))
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    size = min(9.0, length / 2)

    def away(distance: float, turn: float, origin: Point) -> Point:
        x, y = (distance * f(angle + turn) for f in (math.cos, math.sin))
        return round(origin[0] + x, 1), round(origin[1] + y, 1)

    tip = away(-gap, 0.0, end)
    return polyline((start, tip)) + polyline((away(-size, 0.45, tip), tip, away(-size, -0.45, tip)))
