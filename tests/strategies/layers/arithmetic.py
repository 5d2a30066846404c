"""Valid cases of arithmetic and of the matrix product."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, positive, real, spec, uniform
from manual.layers.arithmetic import Add, Divide, MatMul, Multiply, Subtract
from tests.strategies.rules import cases_for, halves, sizes

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


@cases_for(MatMul)
def matmul(draw: Draw, x: Shape) -> Spec:
    other: Shape = (x[-1],)
    if draw(st.integers(0, 3)):
        other = (*partner(draw, x[:-2], most=2), x[-1], draw(sizes))
    return spec(MatMul(), x=real(*x), other=real(*other))
