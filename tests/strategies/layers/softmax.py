"""Valid cases of the softmax family, along any axis."""

from __future__ import annotations

from gradproof.subject.entries import Draw, Shape, Spec, real, spec
from manual.layers.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from tests.strategies.rules import axis, cases_for


@cases_for(Softmax)
def softmax(draw: Draw, x: Shape) -> Spec:
    return spec(Softmax(draw(axis(len(x)))), x=real(*x))


@cases_for(Softmin)
def softmin(draw: Draw, x: Shape) -> Spec:
    return spec(Softmin(draw(axis(len(x)))), x=real(*x))


@cases_for(Softmax2d, rank=(3, 4))
def softmax2d(draw: Draw, x: Shape) -> Spec:
    return spec(Softmax2d(), x=real(*x))


@cases_for(LogSoftmax)
def log_softmax(draw: Draw, x: Shape) -> Spec:
    return spec(LogSoftmax(draw(axis(len(x)))), x=real(*x))
