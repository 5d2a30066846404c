"""Valid cases of the affine map."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec
from manual.linear import Linear
from tests.strategies.rules import cases_for, sizes


@cases_for(Linear)
def linear(draw: Draw, x: Shape) -> Spec:
    out = draw(sizes)
    entries = {"x": real(*x), "weight": real(out, x[-1])}
    if draw(st.booleans()):
        entries["bias"] = real(out)
    return spec(Linear(), **entries)
