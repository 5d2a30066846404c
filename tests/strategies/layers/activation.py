"""Valid cases of rectifiers, exponential and gated activations."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, real, spec, uniform
from manual.layers.activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    LeakyReLU,
    Mish,
    PReLU,
    ReLU,
    RReLU,
    SiLU,
    Threshold,
)
from tests.strategies.rules import axis, cases_for, halves


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


@cases_for(ELU, rank=(0, 4))
def elu(draw: Draw, x: Shape) -> Spec:
    return spec(ELU(draw(st.just(1.0) | halves)), x=real(*x))


@cases_for(SELU, rank=(0, 4))
def selu(draw: Draw, x: Shape) -> Spec:
    return spec(SELU(), x=real(*x))


@cases_for(CELU, rank=(0, 4))
def celu(draw: Draw, x: Shape) -> Spec:
    # Halves only: torch's gradient rounds alpha to float32, in float64 too.
    alpha = draw(st.just(1.0) | halves.map(lambda a: a or 1.0))
    # With a negative alpha y grows as e^(x/alpha): larger x overflow, in torch too.
    return spec(CELU(alpha), x=real(*x) if alpha > 0 else uniform(-4, 4, *x))


@cases_for(GLU)
def glu(draw: Draw, x: Shape) -> Spec:
    even = [i for i, n in enumerate(x) if n % 2 == 0]
    if even:
        dim = draw(st.sampled_from(even)) - draw(st.sampled_from([0, len(x)]))
        return spec(GLU(dim), x=real(*x))
    dim = draw(axis(len(x)))
    doubled = list(x)
    doubled[dim] *= 2
    return spec(GLU(dim), x=real(*doubled))


@cases_for(SiLU, rank=(0, 4))
def silu(draw: Draw, x: Shape) -> Spec:
    return spec(SiLU(), x=real(*x))


@cases_for(Mish, rank=(0, 4))
def mish(draw: Draw, x: Shape) -> Spec:
    return spec(Mish(), x=real(*x))


@cases_for(GELU, rank=(0, 4))
def gelu(draw: Draw, x: Shape) -> Spec:
    return spec(GELU(draw(st.sampled_from(["none", "tanh"]))), x=real(*x))
