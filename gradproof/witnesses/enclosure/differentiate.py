"""One run of a layer's forward on balls, and the derivatives from its tape."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.subject import program
from gradproof.subject.program import as_tuple
from gradproof.witnesses.enclosure.ball import Arb, Ball, Tape, Undecided
from gradproof.witnesses.enclosure.ball_array import ball_array, entrywise

Gradients: TypeAlias = dict[str, Array]
"""Object arrays of `flint.arb`, by the name of the argument."""


class Unsupported(Exception):
    """A forward that does not run on balls, or nothing to differentiate; says why."""


def gradients(case: Case, tape: Tape) -> tuple[dict[str, Array], ...]:
    """For each smooth entry: derivative, scale of its terms, whether a tie depends on it."""
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
    """The cotangents that arrived at the leaves; zero where none did."""

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
    if hasattr(layer, "steps"):
        return list(program.run(layer, arguments, lambda _, s, a: _outputs(s.layer, tape, a)))
    y, _ = layer.forward(*arguments)
    return [_boxed(tape, out) for out in as_tuple(y)]


def _boxed(tape: Tape, out: Any) -> Array:
    array = np.asarray(out)
    return ball_array(tape, array) if array.dtype.kind in "fO" else array


def _cotangents(case: Case, outputs: list[Array]) -> dict[int, Arb]:
    wanted = [None if dy is None else dy.shape for dy in case.dy]
    shapes = [None if dy is None else y.shape for y, dy in zip(outputs, case.dy, strict=False)]
    if len(outputs) != len(wanted) or shapes != wanted:
        raise Unsupported("the outputs do not have the shapes of their cotangents")
    found: dict[int, Arb] = {}
    for y, dy in zip(outputs, case.dy, strict=True):
        if dy is None or y.dtype != object:
            continue
        for ball, d in zip(y.flat, dy.flat, strict=True):
            if ball.at >= 0:
                cotangent = ball.tape.arb(float(d))
                found[ball.at] = found[ball.at] + cotangent if ball.at in found else cotangent
    return found
