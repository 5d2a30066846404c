"""Valid cases of the bilinear map."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec
from manual.bilinear import Bilinear
from tests.strategies.rules import cases_for, sizes


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
