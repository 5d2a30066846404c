"""Valid cases of the rectifiers."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec, uniform
from manual.rectifier import LeakyReLU, PReLU, ReLU, RReLU, Threshold
from tests.strategies.rules import cases_for, halves


@cases_for(ReLU, rank=(0, 4))
def relu(draw: Draw, x: Shape) -> Spec:
    return spec(ReLU(), x=real(*x))


@cases_for(LeakyReLU, rank=(0, 4))
def leaky_relu(draw: Draw, x: Shape) -> Spec:
    return spec(LeakyReLU(draw(st.just(0.01) | halves)), x=real(*x))


@cases_for(PReLU, rank=(0, 4))
def prelu(draw: Draw, x: Shape) -> Spec:
    by_channel = len(x) > 1 and x[1] > 0 and draw(st.booleans())
    count = x[1] if by_channel else 1
    return spec(PReLU(count), x=real(*x), weight=real(count))


@cases_for(RReLU, rank=(0, 4))
def rrelu(draw: Draw, x: Shape) -> Spec:
    lower, upper = draw(st.just((1 / 8, 1 / 3)) | st.tuples(halves, halves).map(sorted))
    if draw(st.booleans()):
        return spec(RReLU(lower, upper, training=True), x=real(*x), noise=uniform(lower, upper, *x))
    return spec(RReLU(lower, upper), x=real(*x))


@cases_for(Threshold, rank=(0, 4))
def threshold(draw: Draw, x: Shape) -> Spec:
    return spec(Threshold(draw(halves), draw(halves)), x=real(*x))
