"""Where the true derivative lies, proved: a layer's forward in ball arithmetic, read backwards.

Nothing of the backward pass under test takes part. What is enclosed is the derivative of `forward`
as it is written, on inputs that are exact binary numbers; only constants that it computes in floats
beforehand, such as √(8/π), keep their rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.witnesses.enclosure.ball import Arb, Tape, Undecided
from gradproof.witnesses.enclosure.ball_array import entrywise
from gradproof.witnesses.enclosure.differentiate import Unsupported, gradients
from gradproof.witnesses.enclosure.one_sided import ends_of, off_the_ties

MOST = 200
"""The most partial derivatives that it is asked for: the cost grows with the whole network."""
_FIRST_BITS, _MOST_BITS = 113, 1808
_NARROW = 2.0**-60
"""An enclosure narrower than this share of the derivative is narrow enough; a double has 2⁻⁵³."""
_CANCELLED = 2.0**-106
"""Below this share of the terms it is the sum of, a derivative cannot be told from 0 in float64."""
_LEAST = 2.0**-1074
"""The smallest double: finer differences do not matter."""


@dataclass(frozen=True)
class Enclosure:
    """Where each partial derivative of Σ⟨dy, y⟩ lies, by the name of the argument.

    balls    object arrays of `flint.arb`; at a kink, around all one-sided derivatives found
    ends     the ends of these intervals as floats: an axis of two before those of the argument
    kinks    where one-sided derivatives differ, so that any choice is a convention
    decided  where the ball is narrow; False where the highest precision was not enough
    bits     the precision that was needed
    """

    balls: Mapping[str, Array]
    ends: Mapping[str, Array]
    kinks: Mapping[str, Array]
    decided: Mapping[str, Array]
    bits: int


def available() -> bool:
    """Whether python-flint is installed."""
    return find_spec("flint") is not None


def _smooth(case: Case) -> dict[str, Array]:
    pairs = zip(case.arrays.items(), case.smooth, strict=True)
    return {name: array for (name, array), smooth in pairs if smooth and array is not None}


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
    """The least distance of a number from the ball; 0 inside."""
    return float((type(ball)(value) - ball).abs_lower())


def _anywhere(smooth: Mapping[str, Array]) -> Enclosure:
    from flint import arb

    balls = {n: entrywise(a, function=lambda _: arb(0, math.inf)) for n, a in smooth.items()}
    never = {n: np.zeros(a.shape, dtype=bool) for n, a in smooth.items()}
    return Enclosure(balls, ends_of([balls]), never, never, _MOST_BITS)


def _at_precision(case: Case, bits: int) -> Enclosure:
    tape = Tape()
    balls, scales, tied = gradients(case, tape)
    kinks = {n: np.zeros(b.shape, dtype=bool) for n, b in balls.items()}
    ends = ends_of([balls])
    if tape.ties:
        balls, ends, kinks = off_the_ties(case, balls, tied)
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
