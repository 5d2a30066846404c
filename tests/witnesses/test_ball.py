"""Enclosed numbers: values, derivatives, which numbers are the same, and which side of a tie."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flint", reason="balls are FLINT's")

from flint import arb

from gradproof.witnesses.enclosure.ball import Ball, Tape, Undecided
from gradproof.witnesses.enclosure.ball_array import ball_array, entrywise
from gradproof.witnesses.enclosure.enclose import _MOST_BITS, _anywhere
from gradproof.witnesses.enclosure.one_sided import ends_of

A, B = 0.625, 1.75
COMPARISONS = [getattr(operator, name) for name in ("eq", "ne", "le", "ge", "lt", "gt")]
BINARY: dict[str, tuple[Callable[[Any, Any], Any], float, float, float]] = {
    "+": (operator.add, A + B, 1, 1),
    "-": (operator.sub, A - B, 1, -1),
    "*": (operator.mul, A * B, B, A),
    "/": (operator.truediv, A / B, 1 / B, -A / B**2),
    "**": (operator.pow, A**B, B * A ** (B - 1), A**B * math.log(A)),
}
UNARY: dict[str, tuple[float, float, float]] = {
    "exp": (A, math.exp(A), math.exp(A)),
    "expm1": (A, math.expm1(A), math.exp(A)),
    "log": (A, math.log(A), 1 / A),
    "log1p": (A, math.log1p(A), 1 / (1 + A)),
    "sqrt": (A, math.sqrt(A), 0.5 / math.sqrt(A)),
    "tanh": (A, math.tanh(A), 1 - math.tanh(A) ** 2),
    "sin": (A, math.sin(A), math.cos(A)),
    "cos": (A, math.cos(A), -math.sin(A)),
    "erf": (A, math.erf(A), 2 / math.sqrt(math.pi) * math.exp(-A * A)),
    "erfc": (A, math.erfc(A), -2 / math.sqrt(math.pi) * math.exp(-A * A)),
    "__neg__": (A, -A, -1),
    "__abs__": (-A, A, -1),
}


def near(number: Any, expected: float) -> bool:
    """The same in single precision: the function and its derivative are the right ones."""
    low, high = (np.float32(float(end)) for end in (number.lower(), number.upper()))
    return bool(low == high == np.float32(expected))


def slopes(tape: Tape, y: Ball, *of: Ball, absolute: bool = False) -> list[Any]:
    arrived = tape.pull({y.at: tape.arb(1)}, absolute=absolute)
    return [arrived[ball.at] for ball in of]


@pytest.mark.parametrize("name", BINARY)
def test_operations_of_two(name: str) -> None:
    function, value, by_a, by_b = BINARY[name]
    tape = Tape()
    a, b = tape.leaf(A), tape.leaf(B)
    y = function(a, b)
    assert near(y.value, value)
    first, second = slopes(tape, y, a, b)
    assert near(first, by_a) and near(second, by_b)
    left, right = function(A, b), function(a, B)
    assert near(left.value, value) and near(right.value, value)
    assert near(slopes(tape, left, b)[0], by_b) and near(slopes(tape, right, a)[0], by_a)
    for again in (function(a, b), left, right):
        assert again.key == y.key, "the same numbers give the same"
    other = function(b, a)
    assert (other.key == y.key) == (name in "+*")


@pytest.mark.parametrize("name", UNARY)
def test_operations_of_one(name: str) -> None:
    x, value, slope = UNARY[name]
    tape = Tape()
    leaf = tape.leaf(x)
    y = getattr(leaf, name)()
    assert near(y.value, value) and near(slopes(tape, y, leaf)[0], slope)
    assert getattr(tape.leaf(x), name)().key == y.key
    keys = {getattr(leaf, n)().key for n in UNARY if n != "__abs__" or x < 0}
    assert len(keys) >= len(UNARY) - 2


def test_a_logarithm_of_zero_is_minus_infinity() -> None:
    tape = Tape()
    assert tape.leaf(0.0).log().value == arb("-inf")
    assert tape.leaf(-1.0).log1p().value == arb("-inf")


def test_what_is_the_same_and_what_only_lies_there_too() -> None:
    tape = Tape()
    a, b, c = tape.leaf(0.1), tape.leaf(0.1), tape.leaf(0.3)
    assert [f(a, b) for f in COMPARISONS] == [True, False, True, True, False, False]
    assert [f(a, c) for f in COMPARISONS] == [False, True, True, False, True, False]
    assert [f(c, a) for f in COMPARISONS] == [False, True, False, True, False, True]
    assert (a.exp() - b.exp()).value == 0
    assert bool(c) and not bool(a - b)
    assert tape.constant(2) == tape.constant(2.0)
    with pytest.raises(Undecided):
        bool(a.exp().log() == b)
    with pytest.raises(Undecided):
        bool(tape.leaf(math.nan) == tape.leaf(math.nan))
    assert a + 0.3 == c + 0.1, "either way round"


def test_ties_are_noted_by_their_place() -> None:
    tape = Tape()
    a, b, c = tape.leaf(1.0), tape.leaf(1.0), tape.leaf(2.0)
    assert a < c and a != c
    assert tape.ties == set()
    assert a == b
    assert tape.ties == {a.at, b.at}
    assert c == 2.0
    assert tape.ties == {a.at, b.at, c.at}


def test_a_direction_decides_a_tie() -> None:
    tape = Tape([1.0, -1.0, 0.5])
    a, b, c = tape.leaf(1.0), tape.leaf(1.0), tape.leaf(1.0)
    assert a > b and b < a and a != b and a > c > b
    assert 2 * b < 1 + c and a * a > c * c, "their slopes are −2, 0.5, 2 and 1"
    assert a.real > b.real and a > 1.0 > b
    assert tape.ties >= {a.at, b.at, c.at}


def test_a_real_number_is_its_own_real_part_and_conjugate() -> None:
    tape = Tape()
    a = tape.leaf(A)
    y = a * a.real + a.conjugate() + (+a)
    assert near(slopes(tape, y, a)[0], 2 * A + 2)
    x = ball_array(tape, np.array([A, B]), tape.leaf)
    total = (x * x.conj()).real.sum().item()
    first, second = slopes(tape, total, *x.tolist())
    assert near(first, 2 * A) and near(second, 2 * B)


def test_magnitudes_are_added_up_without_cancelling() -> None:
    tape = Tape()
    a, unused = tape.leaf(A), tape.leaf(B)
    y = a * 5 - a * 3
    assert near(slopes(tape, y, a)[0], 2)
    assert near(slopes(tape, y, a, absolute=True)[0], 8)
    assert slopes(tape, y, unused) == [None]
    minus = tape.pull({y.at: tape.arb(-1)}, absolute=True)[a.at]
    assert near(minus, 8)


def test_arrays_of_balls_compute_as_arrays_of_floats() -> None:
    tape = Tape()
    x = np.array([[0.5, -1.5], [2.0, 0.25]])
    made = ball_array(tape, x, tape.leaf)
    mask = np.array([[True, False], [True, True]])
    for function in (
        lambda a: np.maximum(a, 0),
        lambda a: np.exp(a) - a,
        lambda a: np.add.reduce(a, axis=1, where=mask),
        lambda a: a @ a.T,
        lambda a: np.where(a > 0, a, 3.0),
        lambda a: np.concatenate([a, a[::-1]]),
        lambda a: a.sum(),
    ):
        got, wanted = function(made), np.asarray(function(x))
        assert got.shape == wanted.shape
        values = [float(ball.value.mid()) for ball in np.asarray(got).flat]
        assert np.array_equal(np.float32(values), np.float32(wanted.ravel()))
    out = ball_array(tape, np.zeros((2, 2)))
    assert np.add(made, 1, out=out) is out
    assert float(out[0, 0].value.mid()) == 1.5


def test_the_ends_are_the_least_and_the_greatest_of_all_balls() -> None:
    def sides(*balls: Any) -> Any:
        return [{"x": entrywise(np.zeros(1), function=lambda _, b=b: b)} for b in balls]

    low, high = ends_of(sides(arb(2, 0.5), arb(3, 0.25)))["x"][:, 0]
    assert np.float32([low, high]).tolist() == [1.5, 3.25]
    low, high = ends_of(sides(arb("nan"), arb(1)))["x"][:, 0]
    assert (low, high) == (-np.inf, np.inf)


def test_what_nobody_knows_may_lie_anywhere() -> None:
    found = _anywhere({"x": np.zeros((2, 1))})
    assert found.ends["x"].shape == (2, 2, 1)
    assert (found.ends["x"][0] == -np.inf).all() and (found.ends["x"][1] == np.inf).all()
    assert not found.kinks["x"].any() and not found.decided["x"].any()
    assert all(ball.contains(arb(7)) for ball in found.balls["x"].flat)
    assert found.bits == _MOST_BITS
