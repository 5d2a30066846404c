"""Where the true derivative lies, proved: a layer's forward in ball arithmetic, read backwards.

Nothing of the backward pass under test takes part. What is enclosed is the derivative of `forward`
as it is written, on inputs that are exact binary numbers; only constants that it computes in floats
beforehand, such as √(8/π), keep their rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from gradproof.ball import Arb, Ball, Tape, Undecided
from gradproof.ball_array import ball_array, entrywise
from gradproof.cases import Case
from gradproof.fill import Array

MOST = 200
"""Of how many partial derivatives at most it is asked: the cost grows with the whole network."""
_FIRST_BITS, _MOST_BITS = 113, 1808
_NARROW = 2.0**-60
"""An enclosure is narrow below this part of the derivative, where a double has a 2⁻⁵³."""
_CANCELLED = 2.0**-106
"""A derivative below this part of the terms it is the sum of is not told from 0 by any double."""
_LEAST = 2.0**-1074
"""The smallest double, than which nothing needs to be told apart more finely."""
_LINE = -math.inf, math.inf
_DIRECTIONS = 4
"""Directions in which the inputs are moved off a kink, each of them both ways."""


class Unsupported(Exception):
    """A forward that does not run on balls, or a case too large; says why."""


@dataclass(frozen=True)
class Enclosure:
    """Where each partial derivative of Σ⟨dy, y⟩ lies, by the name of the argument.

    balls    object arrays of `flint.arb`; at a kink, around all one-sided derivatives that were met
    ends     the ends of these intervals as floats: an axis of two before those of the argument
    kinks    where one-sided derivatives differ, so that any choice is a convention
    decided  where the ball is narrow; False where precision was at its end
    bits     the precision that it took
    """

    balls: Mapping[str, Array]
    ends: Mapping[str, Array]
    kinks: Mapping[str, Array]
    decided: Mapping[str, Array]
    bits: int


def available() -> bool:
    """Whether python-flint is installed."""
    return find_spec("flint") is not None


def entries(case: Case) -> int:
    """How many partial derivatives the case has."""
    return sum(array.size for array in _smooth(case).values())


def enclose(case: Case) -> Enclosure:
    """Enclose the derivative of Σ⟨dy, y⟩ for every entry of every smooth argument.

    The precision is doubled until every enclosure is narrow and every comparison is decided.

    Raises    Unsupported when forward refuses balls, or a number is not finite
    """
    from flint import ctx

    smooth = _smooth(case)
    given = [a for a in (*case.arrays.values(), *case.dy) if a is not None and a.dtype.kind == "f"]
    if not case.dy or not smooth or not all(np.isfinite(a).all() for a in given):
        raise Unsupported("there is nothing to differentiate, or it is not finite")
    bits, found = _FIRST_BITS, None
    while bits <= _MOST_BITS:
        with ctx.workprec(bits):
            try:
                found = _at_precision(case, bits)
            except Undecided:
                pass
            else:
                if all(d.all() for d in found.decided.values()):
                    return found
        bits *= 2
    if found is not None:
        return found
    return _anywhere(smooth)


def distance(value: float, ball: Arb) -> float:
    """How far a number lies outside of the ball, at least; 0 inside."""
    return float((type(ball)(value) - ball).abs_lower())


def _smooth(case: Case) -> dict[str, Array]:
    pairs = zip(case.arrays.items(), case.smooth, strict=True)
    return {name: array for (name, array), smooth in pairs if smooth and array is not None}


def _anywhere(smooth: Mapping[str, Array]) -> Enclosure:
    from flint import arb

    balls = {n: entrywise(a, function=lambda _: arb(0, math.inf)) for n, a in smooth.items()}
    never = {n: np.zeros(a.shape, dtype=bool) for n, a in smooth.items()}
    return Enclosure(balls, _ends([balls]), never, never, _MOST_BITS)


def _at_precision(case: Case, bits: int) -> Enclosure:
    tape = Tape()
    balls, scales, tied = _gradients(case, tape)
    kinks = {n: np.zeros(b.shape, dtype=bool) for n, b in balls.items()}
    ends = _ends([balls])
    if tape.ties:
        balls, ends, kinks = _off_the_ties(case, balls, tied)
    decided = {}
    for name, array in balls.items():
        pairs = zip(array.flat, scales[name].flat, kinks[name].flat, strict=True)
        narrow = [kink or _is_narrow(ball, scale) for ball, scale, kink in pairs]
        decided[name] = np.array(narrow, dtype=bool).reshape(array.shape)
    return Enclosure(balls, ends, kinks, decided, bits)


def _is_narrow(ball: Arb, scale: Arb) -> bool:
    if not ball.is_finite():
        return False
    size = max(abs(ball.mid()), _CANCELLED * scale, type(ball)(_LEAST))
    return bool(ball.rad() <= _NARROW * size)


def _off_the_ties(
    case: Case, balls: dict[str, Array], tied: dict[str, Array]
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """The derivatives just beside the point: balls, ends and where they differ.

    Where any do, every entry that a tied number depends on is at a kink: of many numbers that tie
    for the greatest, a few directions do not show each as the greatest. Sides on which forward
    refuses its arguments are not looked at; if it refuses all of them, or the derivative beside the
    point is not finite, nothing is known of it.
    """
    sides = []
    for seed in range(_DIRECTIONS):
        for sign in (1, -1):
            try:
                sides.append(_gradients(case, Tape(seed, sign))[0])
            except Unsupported:
                continue
    hulls, ends, kinks = {}, _ends(sides or [balls]), {}
    for name, array in balls.items():
        met = [side[name].ravel() for side in sides]
        differs = [not met or not _overlap([m[i] for m in met]) for i in range(array.size)]
        kinks[name] = np.array(differs, dtype=bool).reshape(array.shape)
        hulls[name] = (sides or [balls])[0][name].copy()
    if any(k.any() for k in kinks.values()):
        for name, hull in hulls.items():
            unseen = tied[name] & ~kinks[name]
            for at in np.argwhere(kinks[name]):
                for side in sides:
                    hull[tuple(at)] = hull[tuple(at)].union(side[name][tuple(at)])
            for at in np.argwhere(unseen):
                hull[tuple(at)] = type(hull[tuple(at)])(0, math.inf)
            ends[name][:, unseen] = np.reshape(_LINE, (2, 1))
            kinks[name] = kinks[name] | unseen
    return hulls, ends, kinks


def _overlap(met: list[Arb]) -> bool:
    return all(ball.is_finite() and met[0].overlaps(ball) for ball in met)


def _floats(balls: Array, end: Callable[[Arb], Arb]) -> Array:
    return entrywise(balls, function=lambda ball: float(end(ball))).astype(float)


def _ends(sides: list[dict[str, Array]]) -> dict[str, Array]:
    """The least and the greatest number in any of the balls of each entry.

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


def _gradients(case: Case, tape: Tape) -> tuple[dict[str, Array], ...]:
    """By smooth entry: its derivative, the scale of its terms, whether a tie depends on it."""
    leaves: dict[str, Array] = {}
    arguments = []
    for (name, array), smooth in zip(case.arrays.items(), case.smooth, strict=True):
        made = array
        if array is not None and array.dtype.kind == "f":
            made = ball_array(tape, array, tape.leaf if smooth else tape.constant)
            leaves |= {name: made} if smooth else {}
        arguments.append(made)
    cotangents = _cotangents(case, _run(case, tape, arguments))
    arrived = tape.pull(cotangents)
    scales = tape.pull(cotangents, absolute=True)
    ties = tape.pull({at: tape.arb(1) for at in tape.ties}, absolute=True)
    found = [
        {name: _at(each, leaf, tape.arb(0)) for name, leaf in leaves.items()}
        for each in (arrived, scales, ties)
    ]
    tied = {
        n: entrywise(a, function=lambda t: not t.is_zero()).astype(bool)
        for n, a in found[2].items()
    }
    return found[0], found[1], tied


def _at(arrived: list[Arb | None], leaves: Array, zero: Arb) -> Array:
    """What arrived at the leaves; zero where nothing did."""

    def found(leaf: Ball) -> Arb:
        arb = arrived[leaf.at]
        return zero if arb is None else arb

    return entrywise(np.asarray(leaves), function=found)


def _run(case: Case, tape: Tape, arguments: list[Any]) -> list[Array]:
    try:
        return _outputs(case.layer, tape, arguments)
    except Undecided:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise Unsupported(f"forward does not run on balls: {said}") from error


def _outputs(layer: Any, tape: Tape, arguments: list[Any]) -> list[Array]:
    """A layer's outputs; a network's are computed step by step, so that all stays balls."""
    if not hasattr(layer, "steps"):
        y, _ = layer.forward(*arguments)
        return [_boxed(tape, out) for out in (y if isinstance(y, tuple) else (y,))]
    values: dict[str | None, Any] = dict(zip(layer.inputs, arguments, strict=True))
    values[None] = None
    outputs: list[Array] = []
    for step in layer.steps:
        outputs = _outputs(step.layer, tape, [values[name] for name in step.args])
        values.update(zip(step.outs, outputs, strict=True))
    return outputs


def _boxed(tape: Tape, out: Any) -> Array:
    array = np.asarray(out)
    return ball_array(tape, array) if array.dtype.kind in "fO" else array


def _cotangents(case: Case, outputs: list[Array]) -> dict[int, Arb]:
    wanted = [None if dy is None else dy.shape for dy in case.dy]
    shapes = [None if dy is None else y.shape for y, dy in zip(outputs, case.dy, strict=False)]
    if len(outputs) != len(wanted) or shapes != wanted:
        raise Unsupported("the outputs do not have the shapes of their cotangents")
    found: dict[int, Arb] = {}
    for y, dy in zip(outputs, case.dy, strict=False):
        if dy is None or y.dtype != object:
            continue
        for ball, d in zip(y.flat, dy.flat, strict=True):
            if ball.at >= 0:
                cotangent = ball.tape.arb(float(d))
                found[ball.at] = found[ball.at] + cotangent if ball.at in found else cotangent
    return found
