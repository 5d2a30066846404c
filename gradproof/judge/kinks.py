"""Kinks and ties: where the one-sided derivatives differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case, wide, with_arrays
from gradproof.oracle.layer import Oracle

_NEAR = (2.0**-30, 2.0**-40)
"""Two distances from the point, relative to the array's scale. Across a kink the gradient jumps by
the same amount at both; at a smooth place its change is proportional to the distance."""
_ONWARD = 2 * _NEAR[1] / (_NEAR[0] - _NEAR[1])
"""Twice the change left between the smaller distance and the point, where the gradient has a slope
there: the hull is then a little too wide, never too narrow."""


def jumps(twin: Callable[..., Any], case: Case, directions: int) -> dict[str, tuple[Array, Array]]:
    """Least and greatest one-sided gradient of each argument that has a jump, in float64.

    Both are equal where there is no jump. Empty when nothing jumps. They are measured at a distance
    and extrapolated to the point from the two distances.
    """
    near = [_hull(twin, case, distance, directions) for distance in _NEAR]
    found = {}
    for name in [name for name in near[1] if name in near[0]]:
        (low, high), (far_low, far_high) = near[1][name], near[0][name]
        with np.errstate(invalid="ignore"):  # ∞ − ∞
            jump = (high - low) > 0.5 * (far_high - far_low)
            least = low - _ONWARD * np.abs(far_low - low)
            greatest = high + _ONWARD * np.abs(far_high - high)
        if jump.any():
            found[name] = np.where(jump, least, high), np.where(jump, greatest, high)
    return found


def _hull(
    twin: Callable[..., Any], case: Case, distance: float, directions: int
) -> dict[str, tuple[Array, Array]]:
    case = wide(case)
    hull: dict[str, tuple[Array, Array]] = {}
    steps = random_steps(case, directions)
    for gradients in gradients_beside(twin, case, case.dy, steps, distance):
        for name, g in gradients.items():
            if g is not None:
                low, high = hull.get(name, (g, g))
                hull[name] = np.minimum(low, g), np.maximum(high, g)
    return hull


def random_steps(case: Case, directions: int) -> Iterator[dict[int, Any]]:
    """Both ways along random directions; by the argument's place.

    The point itself is left out: torch's choice there need not be a one-sided derivative.
    """
    r = np.random.default_rng(0)
    arrays = list(case.arrays.values())
    for _ in range(directions):
        step = {i: _direction(r, arrays[i]) for i, smooth in enumerate(case.smooth) if smooth}
        yield step
        yield {i: -along for i, along in step.items()}


def gradients_beside(
    twin: Callable[..., Any],
    case: Case,
    dy: Sequence[Array | None],
    steps: Iterable[dict[int, Any]],
    distance: float = _NEAR[0],
) -> Iterator[dict[str, Array | None]]:
    """Yield torch's gradients at points this far away, relative to each array's scale.

    None where the outputs have other shapes than at the point itself: dy does not fit there.
    """
    arrays = list(case.arrays.values())
    for step in steps:
        moved = [
            a if i not in step else a + distance * _scale(a) * step[i] for i, a in enumerate(arrays)
        ]
        try:
            oracle = Oracle.of(twin, with_arrays(case, moved))
        except Exception:  # noqa: BLE001  (moved out of the function's domain: stay inside)
            oracle = Oracle.of(twin, with_arrays(case, _within(moved, arrays)))
        if all(d is None or d.shape == y.shape for d, y in zip(dy, oracle.y, strict=True)):
            yield oracle.pull(dy)


def _within(moved: Sequence[Array | None], arrays: Sequence[Array | None]) -> list[Array | None]:
    """Moved arrays, clipped to the range of the arrays that they were moved from."""
    return [
        m if m is None or a is None or not a.size else np.clip(m, a.min(), a.max())
        for m, a in zip(moved, arrays, strict=True)
    ]


def _scale(a: Array | None) -> float:
    return 1.0 if a is None else float(np.abs(a).max(initial=0.0)) or 1.0


def _direction(r: np.random.Generator, a: Array | None) -> Any:
    """Random signs and distances, no two equal: of two tied entries, either comes first once."""
    return 0.0 if a is None else r.choice([-1.0, 1.0], a.shape) * r.uniform(0.5, 1.0, a.shape)


def at_kink(twin: Callable[..., Any], case: Case, directions: int = 1) -> bool:
    """Whether inputs lie at a kink or tie; only hazards that put some there are looked at.

    One direction does not see all: the median of three equal numbers is the same both ways.
    """
    if not {"grid", "few", "rectified", "constant-rows"} & set(case.hazards[:2]):
        return False
    return bool(jumps(twin, case, directions))
