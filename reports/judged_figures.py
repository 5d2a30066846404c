"""The figures of the section on the judge: checkers side by side, and distances from the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.drawing import macros
from reports.textbook_plot import Frame, Point

_MACROS = macros("judged_figures.svg.jinja")
OURS = "gradproof"
_FINEST, _COARSEST = -4, 13  # powers of two; what lies beyond is in the last bin


@dataclass(frozen=True)
class PowerFrame(Frame):
    """Axes of which x is the exponent of a base."""

    base: int = 10

    def x_ticks(self) -> list[tuple[Point, str]]:
        first, last = math.ceil(self.x[0]), math.floor(self.x[1])
        places = [
            (self.at(k, 0)[0], k) for k in range(first, last + 1, max(1, (last - first) // 8))
        ]
        # A label at the very end would be cut off.
        shown = [(x, k) for x, k in places if x < self.right - 20]
        return [((x, self.bottom + 16), f"{float(self.base) ** k:g}") for x, k in shown]


def race(checkers: Sequence[tuple[str, float, float]]) -> str:
    """(name, seconds for a verdict, share of bugs killed) of each checker, numbered in order."""
    exponents = [math.log10(seconds) for _, seconds, _ in checkers]
    x = (math.floor(min(exponents)), math.ceil(max(exponents)))
    frame = PowerFrame(x=x, y=(0.0, 110.0), width=620, height=380)
    taken: list[Point] = []
    points = []
    for row, ((name, _, share), exponent) in enumerate(zip(checkers, exponents, strict=True), 1):
        at = frame.at(exponent, 100 * share)
        label = (at[0], round(at[1] - 9, 1))
        while any(abs(label[1] - y) < 14 and abs(label[0] - x) < 20 for x, y in taken):
            label = (label[0], round(label[1] - 14, 1))
        taken.append(label)
        kind = "up" if name == OURS else "down"
        said = name if name == OURS else str(row)
        points.append({"at": at, "label": label, "anchor": "middle", "name": said, "kind": kind})
    title = "; ".join(f"{name}: {share:.0%} in {s:.2g} s" for name, s, share in checkers)
    return str(_MACROS.race(frame, title, points))


def distances(sides: Mapping[str, Mapping[str, int]]) -> str:
    """Entries by distance from the proved interval, in bins "0", "2^k", as a line for each side."""
    shares = {side: _shares(bins) for side, bins in sides.items()}
    top = 100 * max(max(s) for s in shares.values())
    frame = PowerFrame(
        x=(_FINEST - 1, _COARSEST), y=(0.0, 1.1 * top), width=620, height=300, base=2
    )
    lines = []
    for i, (side, heights) in enumerate(shares.items()):
        stairs = [(_FINEST - 1 + k + d, 100 * h) for k, h in enumerate(heights) for d in (0, 1)]
        at = (frame.right - 90, frame.top + 14 + 16 * i)
        lines.append(
            {"path": frame.line(stairs), "at": at, "name": side, "kind": ("up", "down")[i % 2]}
        )
    title = "; ".join(
        f"{side}: {_within_one(bins):.0%} of the entries within one ulp"
        for side, bins in sides.items()
    )
    return str(_MACROS.distances(frame, title, lines))


def _shares(bins: Mapping[str, int]) -> list[float]:
    """The share in each bin, the inside of the interval in the first, the rest in the last."""
    total = sum(bins.values())
    counts = [0] * (_COARSEST - _FINEST + 1)
    for name, n in bins.items():
        power = _FINEST if name == "0" else int(name.removeprefix("2^"))
        counts[min(max(power, _FINEST), _COARSEST) - _FINEST] += n
    return [n / total for n in counts]


def _within_one(bins: Mapping[str, int]) -> float:
    inside = sum(n for name, n in bins.items() if name == "0" or int(name[2:]) <= 0)
    return inside / sum(bins.values())
