"""Kinks and ties: where the one-sided derivatives differ, and which one was chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case, wide, with_arrays
from gradproof.judge.verdict import Finding
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
    for name, (low, high) in near[1].items():
        far_low, far_high = near[0][name]
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
    arrays = list(case.arrays.values())
    r = np.random.default_rng(0)
    hull: dict[str, tuple[Array, Array]] = {}
    step: dict[int, Any] = {i: 0.0 for i, smooth in enumerate(case.smooth) if smooth}
    for k in range(2 * directions + 1):
        if k % 2:
            step = {i: distance * _scale(arrays[i]) * _direction(r, arrays[i]) for i in step}
        else:
            step = {i: -along for i, along in step.items()}
        moved = [a if i not in step else a + step[i] for i, a in enumerate(arrays)]
        try:
            oracle = Oracle.of(twin, with_arrays(case, moved))
        except Exception:  # noqa: BLE001  (moved out of the function's domain: stay inside)
            oracle = Oracle.of(twin, with_arrays(case, _within(moved, arrays)))
        for name, g in oracle.pull(case.dy).items():
            if g is not None:
                low, high = hull.get(name, (g, g))
                hull[name] = np.minimum(low, g), np.maximum(high, g)
    return hull


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


def conventions(twin: Callable[..., Any], case: Case, found: list[Finding]) -> None:
    """Make a disagreement a `convention` where every wrong entry is another choice at a kink."""
    wrong = [f for f in found if f.verdict == "disagree" and f.comparison is not None]
    gradients = [f for f in wrong if f.quantity in case.arrays]
    if not gradients or len(gradients) < len(wrong):
        return
    hull = jumps(twin, case, directions=8)
    for f in gradients:
        c = f.comparison
        if c is None or f.quantity not in hull:
            continue
        low, high = hull[f.quantity]
        manual = c.manual.astype(np.float64)
        over = c.error > c.bound
        inside = (manual >= low - c.bound) & (manual <= high + c.bound) & (high > low)
        if inside[over].all():
            f.verdict, f.choice = "convention", True
            f.cause = "another one-sided derivative than torch's, at a kink or tie"


def at_kink(twin: Callable[..., Any], case: Case) -> bool:
    """Whether inputs lie at a kink or tie; only hazards that put some there are looked at."""
    if not {"grid", "few", "rectified", "constant-rows"} & set(case.hazards[:2]):
        return False
    return bool(jumps(twin, case, directions=1))
