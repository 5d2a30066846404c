"""Valid cases of the four operations: two operands that broadcast in every way."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, positive, real, spec, uniform
from manual.arithmetic import Add, Divide, Multiply, Subtract
from tests.strategies.rules import cases_for, halves

_alphas = st.one_of(st.just(1), halves)


@cases_for(Add, rank=(0, 4))
def add(draw: Draw, x: Shape) -> Spec:
    return spec(Add(draw(_alphas)), x=real(*x), other=real(*partner(draw, x)))


@cases_for(Subtract, rank=(0, 4))
def subtract(draw: Draw, x: Shape) -> Spec:
    return spec(Subtract(draw(_alphas)), x=real(*x), other=real(*partner(draw, x)))


@cases_for(Multiply, rank=(0, 4))
def multiply(draw: Draw, x: Shape) -> Spec:
    return spec(Multiply(), x=real(*x), other=real(*partner(draw, x)))


@cases_for(Divide, rank=(0, 4))
def divide(draw: Draw, x: Shape) -> Spec:
    shape = partner(draw, x)
    divisor = positive(*shape) if draw(st.booleans()) else uniform(-4.0, -0.25, *shape)
    return spec(Divide(), x=real(*x), other=divisor)


_repeats = st.sampled_from([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0])


def partner(draw: Draw, x: Shape, most: int = 4) -> Shape:
    """A shape of up to `most` axes that broadcasts with x: either may have fewer axes or ones."""
    rank = draw(st.integers(0, most))
    facing = [x[i] if -i <= len(x) else 1 for i in range(-rank, 0)]
    return tuple(draw(_repeats if n == 1 else st.sampled_from([n, n, 1])) for n in facing)
