"""Real numbers enclosed in intervals, with a tape of how they were computed.

A `Ball` wraps an interval of FLINT's `arb` (NumPy would unpack some of FLINT's types as sequences).
Balls go into NumPy object arrays, so a layer's own forward runs on them. Every operation records
its derivative on a `Tape`, which is then read backwards.

Source    Johansson, Arb: efficient arbitrary-precision midpoint-radius interval arithmetic (2017);
          reverse accumulation: Griewank & Walther, Evaluating Derivatives (2008), §3.2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np

Arb: TypeAlias = Any
"""`flint.arb`, which is imported late."""
Parents: TypeAlias = tuple[tuple[int, Arb], ...]
_CONSTANT = -1


class Undecided(ArithmeticError):
    """The enclosures of two numbers overlap, so it is not known which is larger."""


class Tape:
    """What was computed: for each number that depends on a leaf, its parents and derivatives.

    Numbers that are equal for certain, exact ones or the same function of the same numbers, tie.
    A tie is decided as the forward does; with a direction as just beside the point, each leaf moved
    an infinitesimal step by the number that the direction has for it.

    ties     the places of numbers that were compared with an equal one
    """

    def __init__(self, direction: Sequence[float] | None = None) -> None:
        from flint import arb

        self.arb: Any = arb
        self.ties: set[int] = set()
        self._direction = direction
        self._parents: list[Parents] = []
        self._slopes: list[Arb] = []  # along the direction
        self._known: dict[Any, int] = {}

    def leaf(self, value: float) -> Ball:
        """A number that derivatives are taken with respect to."""
        number = float(value)
        if self._direction is not None:
            self._slopes.append(self.arb(self._direction[len(self._parents)]))
        self._parents.append(())
        arb = self.arb(number)
        return Ball(self, arb, len(self._parents) - 1, self._number(arb))

    def constant(self, value: Any) -> Ball:
        if isinstance(value, (complex, np.complexfloating)):  # float() would drop a part of it
            raise TypeError(f"a ball is real, and {value} is not")
        number = value if isinstance(value, int) else float(value)
        arb = self.arb(number)
        return Ball(self, arb, _CONSTANT, self._number(arb))

    def computed(self, value: Arb, key: int, *parents: tuple[Ball, Arb]) -> Ball:
        """A number computed from others; `parents` are these, each with its derivative."""
        if value.is_exact():
            key = self._number(value)
        noted = tuple((ball.at, slope) for ball, slope in parents if ball.at != _CONSTANT)
        if not noted:
            return Ball(self, value, _CONSTANT, key)
        self._parents.append(noted)
        if self._direction is not None:
            along = (slope * self._slopes[at] for at, slope in noted)
            self._slopes.append(sum(along, self.arb(0)))
        return Ball(self, value, len(self._parents) - 1, key)

    def same(self, *made: Any) -> int:
        """A number for this operation on these operands, the same whenever they are the same."""
        return self._known.setdefault(made, len(self._known))

    def _number(self, value: Arb) -> int:
        """The key of an exact number, however it was computed."""
        return self.same("number", value.man_exp() if value.is_finite() else str(value))

    def beside(self, a: Ball, b: Ball) -> int:
        """The sign of a − b, which is 0, when the leaves have moved; 0 if they have not."""
        self.ties |= {a.at, b.at} - {_CONSTANT}
        if self._direction is None:
            return 0
        rise = self._slope(a) - self._slope(b)
        return int(rise > 0) - int(rise < 0)

    def _slope(self, ball: Ball) -> Arb:
        return self.arb(0) if ball.at == _CONSTANT else self._slopes[ball.at]

    def pull(self, cotangents: Mapping[int, Arb], *, absolute: bool = False) -> list[Arb | None]:
        """Σ ⟨cotangent, number⟩ differentiated for every number on the tape; None where it is not.

        absolute    add up magnitudes: the scale of the terms that the derivative is the sum of
        """
        arrived: list[Arb | None] = [None] * len(self._parents)
        for at, cotangent in cotangents.items():
            arrived[at] = cotangent.abs_upper() if absolute else cotangent
        for at in reversed(range(len(arrived))):
            here = arrived[at]
            if here is None:
                continue
            for parent, slope in self._parents[at]:
                term = here * (slope.abs_upper() if absolute else slope)
                before = arrived[parent]
                arrived[parent] = term if before is None else before + term
        return arrived


class Ball:
    """An enclosed number on a tape, with the operations that NumPy asks of an object.

    tape    where its computation is noted
    value   where it lies
    at      its place there, −1 for a constant
    key     shared by two numbers only if they are equal
    """

    __slots__ = ("at", "key", "tape", "value")
    dtype, shape, size = np.dtype(object), (), 1  # as NumPy's own scalars have
    __hash__ = None  # type: ignore[assignment]  # equality may be undecided

    def __init__(self, tape: Tape, value: Arb, at: int, key: int) -> None:
        self.tape, self.value, self.at, self.key = tape, value, at, key

    def __repr__(self) -> str:
        return f"Ball({self.value})"

    @property
    def real(self) -> Self:
        return self

    def _ball(self, other: Any) -> Ball:
        return other if isinstance(other, Ball) else self.tape.constant(other)

    def _unary(self, name: str, value: Arb, slope: Arb) -> Ball:
        return self.tape.computed(value, self.tape.same(name, self.key), (self, slope))

    def __add__(self, other: Any) -> Ball:
        o = self._ball(other)
        key = self.tape.same("+", *sorted((self.key, o.key)))
        return self.tape.computed(self.value + o.value, key, (self, _one(self)), (o, _one(self)))

    def __sub__(self, other: Any) -> Ball:
        o = self._ball(other)
        y = self.tape.arb(0) if self.key == o.key else self.value - o.value
        key = self.tape.same("-", self.key, o.key)
        return self.tape.computed(y, key, (self, _one(self)), (o, -_one(self)))

    def __mul__(self, other: Any) -> Ball:
        o = self._ball(other)
        key = self.tape.same("*", *sorted((self.key, o.key)))
        return self.tape.computed(self.value * o.value, key, (self, o.value), (o, self.value))

    def __truediv__(self, other: Any) -> Ball:
        o = self._ball(other)
        y = self.value / o.value
        key = self.tape.same("/", self.key, o.key)
        return self.tape.computed(y, key, (self, 1 / o.value), (o, -y / o.value))

    def __pow__(self, other: Any) -> Ball:
        o = self._ball(other)
        x, p = self.value, o.value
        y = x**p
        parents = [(self, p * x ** (p - 1))]
        if o.at != _CONSTANT:
            parents.append((o, y * x.log()))
        return self.tape.computed(y, self.tape.same("**", self.key, o.key), *parents)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Ball:
        return self._ball(other) - self

    def __rtruediv__(self, other: Any) -> Ball:
        return self._ball(other) / self

    def __rpow__(self, other: Any) -> Ball:
        return self._ball(other) ** self

    def __neg__(self) -> Ball:
        return self._unary("neg", -self.value, -_one(self))

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Ball:
        return self if self >= 0 else -self

    def conjugate(self) -> Self:
        return self

    def exp(self) -> Ball:
        y = self.value.exp()
        return self._unary("exp", y, y)

    def expm1(self) -> Ball:
        return self._unary("expm1", self.value.expm1(), self.value.exp())

    def log(self) -> Ball:
        y = self.tape.arb("-inf") if self.value.is_zero() else self.value.log()
        return self._unary("log", y, 1 / self.value)

    def log1p(self) -> Ball:
        inner = 1 + self.value
        y = self.tape.arb("-inf") if inner.is_zero() else self.value.log1p()
        return self._unary("log1p", y, 1 / inner)

    def sqrt(self) -> Ball:
        y = self.value.sqrt()
        return self._unary("sqrt", y, 1 / (2 * y))

    def tanh(self) -> Ball:
        return self._unary("tanh", self.value.tanh(), self.value.sech() ** 2)

    def sin(self) -> Ball:
        sin, cos = self.value.sin_cos()
        return self._unary("sin", sin, cos)

    def cos(self) -> Ball:
        sin, cos = self.value.sin_cos()
        return self._unary("cos", cos, -sin)

    def erf(self) -> Ball:
        return self._unary("erf", self.value.erf(), self._gaussian())

    def erfc(self) -> Ball:
        return self._unary("erfc", self.value.erfc(), -self._gaussian())

    def _gaussian(self) -> Arb:
        return 2 * (-self.value * self.value).exp() / self.tape.arb.pi().sqrt()

    def _sign_beside(self, other: Any) -> int:
        """The sign of self − other.

        Raises    Undecided when their enclosures overlap, and they may not be equal
        """
        o = self._ball(other)
        if self.value < o.value:
            return -1
        if self.value > o.value:
            return 1
        if self.key == o.key and not self.value.is_nan():
            return self.tape.beside(self, o)
        raise Undecided

    def __bool__(self) -> bool:
        return self._sign_beside(0) != 0

    def __lt__(self, other: Any) -> bool:
        return self._sign_beside(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._sign_beside(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._sign_beside(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._sign_beside(other) >= 0

    def __eq__(self, other: object) -> bool:
        return self._sign_beside(other) == 0

    def __ne__(self, other: object) -> bool:
        return self._sign_beside(other) != 0


def _one(ball: Ball) -> Arb:
    return ball.tape.arb(1)
