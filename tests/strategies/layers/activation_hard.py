"""Valid cases of the clamps and shrinkages."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, real, spec
from manual.layers.activation_hard import (
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    ReLU6,
    Softshrink,
)
from tests.strategies.rules import cases_for, halves


@cases_for(Hardtanh, rank=(0, 4))
def hardtanh(draw: Draw, x: Shape) -> Spec:
    low = draw(st.just(-1.0) | halves)
    width = draw(st.just(2.0) | halves.map(lambda n: abs(n) or 0.5))
    return spec(Hardtanh(low, low + width), x=real(*x))


@cases_for(ReLU6, rank=(0, 4))
def relu6(draw: Draw, x: Shape) -> Spec:
    return spec(ReLU6(), x=real(*x))


@cases_for(Hardsigmoid, rank=(0, 4))
def hardsigmoid(draw: Draw, x: Shape) -> Spec:
    return spec(Hardsigmoid(), x=real(*x))


@cases_for(Hardswish, rank=(0, 4))
def hardswish(draw: Draw, x: Shape) -> Spec:
    return spec(Hardswish(), x=real(*x))


@cases_for(Softshrink, rank=(0, 4))
def softshrink(draw: Draw, x: Shape) -> Spec:
    return spec(Softshrink(draw(st.just(0.5) | halves.map(abs))), x=real(*x))


@cases_for(Hardshrink, rank=(0, 4))
def hardshrink(draw: Draw, x: Shape) -> Spec:
    return spec(Hardshrink(draw(st.just(0.5) | halves)), x=real(*x))
