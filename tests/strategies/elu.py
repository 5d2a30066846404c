"""Valid cases of the exponential linear units."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec, uniform
from manual.elu import CELU, ELU, SELU
from tests.strategies.rules import cases_for, halves


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
