"""Beside a kink or tie: the one-sided derivatives, and whether they differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.witnesses.enclosure.ball import Arb, Tape
from gradproof.witnesses.enclosure.ball_array import entrywise
from gradproof.witnesses.enclosure.differentiate import Gradients, Unsupported, gradients

_LINE = -math.inf, math.inf
_DIRECTIONS = 4
"""Random directions in which the inputs are moved off a kink, each both ways."""
_FAR = 2.0**40


def off_the_ties(
    case: Case, balls: Gradients, tied: Mapping[str, Array]
) -> tuple[Gradients, dict[str, Array], dict[str, Array]]:
    """The derivatives just beside the point: balls, their ends, and where they differ.

    Where any do, each number that a tie depends on is also moved by far the most: of many that tie
    for the greatest, a few random directions do not make each the greatest.
    """
    flat = np.concatenate([tied[name].ravel() for name in balls])
    random = np.random.default_rng(0).uniform(-1, 1, (_DIRECTIONS, flat.size))
    directions = np.concatenate([random, -random])
    sides = _beside(case, directions)
    allowed = np.array([[-1.0], [1.0]]) * _FAR
    if len(sides) < len(directions):
        allowed = _allowed(case, flat)
        sides = _beside(case, np.clip(directions, *allowed))
    kinks = _differing(balls, sides)
    if any(k.any() for k in kinks.values()):
        unseen = flat & ~np.concatenate([k.ravel() for k in kinks.values()])
        for leaf in np.flatnonzero(unseen):
            directions = np.repeat(random[:1], 2, axis=0)
            directions[:, leaf] = -_FAR, _FAR
            sides += _beside(case, np.clip(directions, *allowed))
        kinks = _differing(balls, sides)
    hulls = {name: (sides or [balls])[0][name].copy() for name in balls}
    for name, hull in hulls.items():
        for at in map(tuple, np.argwhere(kinks[name])):
            for side in sides:
                hull[at] = hull[at].union(side[name][at])
    return hulls, ends_of(sides or [balls]), kinks


def _beside(case: Case, directions: Iterable[Array]) -> list[Gradients]:
    """The derivatives beside the point, in each direction in which forward takes the arguments."""
    found = []
    for direction in directions:
        with suppress(Unsupported):
            found.append(gradients(case, Tape(direction.tolist()))[0])
    return found


def _allowed(case: Case, tied: Array) -> Array:
    """How far down and up each number may move; a tied one only where forward takes it."""
    allowed = np.repeat([[-_FAR], [_FAR]], tied.size, axis=1)
    for leaf in np.flatnonzero(tied):
        for side, step in enumerate((-1.0, 1.0)):
            direction = np.zeros(tied.size)
            direction[leaf] = step
            if not _beside(case, [direction]):
                allowed[side, leaf] = 0.0
    return allowed


def _differing(balls: Gradients, sides: list[Gradients]) -> dict[str, Array]:
    """Where derivatives differ, or are not known at all."""
    found = {}
    for name, array in balls.items():
        met = [side[name].ravel() for side in sides]
        same = [bool(met) and _overlap([m[i] for m in met]) for i in range(array.size)]
        found[name] = ~np.array(same, dtype=bool).reshape(array.shape)
    return found


def _overlap(met: list[Arb]) -> bool:
    return all(ball.is_finite() and met[0].overlaps(ball) for ball in met)


def _floats(balls: Array, end: Callable[[Arb], Arb]) -> Array:
    return entrywise(balls, function=lambda ball: float(end(ball))).astype(float)


def ends_of(sides: list[Gradients]) -> dict[str, Array]:
    """The smallest and the largest number in any of the balls of each entry.

    The ball around two numbers would be wider: its radius has few digits.
    """
    found = {}
    for name in sides[0]:
        low = [_floats(side[name], lambda ball: ball.lower()) for side in sides]
        high = [_floats(side[name], lambda ball: ball.upper()) for side in sides]
        ends = np.min(low, axis=0), np.max(high, axis=0)
        found[name] = np.array(
            [np.where(np.isnan(e), far, e) for e, far in zip(ends, _LINE, strict=True)]
        )
    return found
