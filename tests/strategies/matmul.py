"""Valid cases of the matrix product: operands of rank 1 to 4, whose leading axes broadcast."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec
from manual.matmul import MatMul
from tests.strategies.arithmetic import partner
from tests.strategies.rules import cases_for, sizes


@cases_for(MatMul)
def matmul(draw: Draw, x: Shape) -> Spec:
    other: Shape = (x[-1],)
    if draw(st.integers(0, 3)):
        other = (*partner(draw, x[:-2], most=2), x[-1], draw(sizes))
    return spec(MatMul(), x=real(*x), other=real(*other))
