"""Valid cases of the affine and the bilinear map."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, real, spec
from manual.layers.linear import Bilinear, Linear
from tests.strategies.rules import cases_for, sizes


@cases_for(Linear)
def linear(draw: Draw, x: Shape) -> Spec:
    out = draw(sizes)
    entries = {"x": real(*x), "weight": real(out, x[-1])}
    if draw(st.booleans()):
        entries["bias"] = real(out)
    return spec(Linear(), **entries)


@cases_for(Bilinear)
def bilinear(draw: Draw, x: Shape) -> Spec:
    first = max(x[-1], 1)  # torch has no answer for vectors of length 0
    second, outs = draw(sizes), draw(sizes)
    entries = {
        "x1": real(*x[:-1], first),
        "x2": real(*x[:-1], second),
        "weight": real(outs, first, second),
    }
    if draw(st.booleans()):
        entries["bias"] = real(outs)
    return spec(Bilinear(), **entries)
