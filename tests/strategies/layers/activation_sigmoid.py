"""Valid cases of the smooth element-wise activations."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, real, spec
from manual.layers.activation_sigmoid import (
    LogSigmoid,
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
)
from tests.strategies.rules import cases_for, halves


@cases_for(Sigmoid, rank=(0, 4))
def sigmoid(draw: Draw, x: Shape) -> Spec:
    return spec(Sigmoid(), x=real(*x))


@cases_for(Tanh, rank=(0, 4))
def tanh(draw: Draw, x: Shape) -> Spec:
    return spec(Tanh(), x=real(*x))


@cases_for(Tanhshrink, rank=(0, 4))
def tanhshrink(draw: Draw, x: Shape) -> Spec:
    return spec(Tanhshrink(), x=real(*x))


@cases_for(Softsign, rank=(0, 4))
def softsign(draw: Draw, x: Shape) -> Spec:
    return spec(Softsign(), x=real(*x))


@cases_for(LogSigmoid, rank=(0, 4))
def log_sigmoid(draw: Draw, x: Shape) -> Spec:
    return spec(LogSigmoid(), x=real(*x))


@cases_for(Softplus, rank=(0, 4))
def softplus(draw: Draw, x: Shape) -> Spec:
    beta = draw(st.just(1.0) | halves.map(lambda b: b or 1.0))
    threshold = draw(st.just(20.0) | halves)
    return spec(Softplus(beta, threshold), x=real(*x))
