"""Valid cases of the gated activations."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec
from manual.gate import GELU, GLU, Mish, SiLU
from tests.strategies.rules import axis, cases_for


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
