"""Valid cases of the layers that join arrays: one to four of them."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec
from manual.join import Concatenate, Stack
from tests.strategies.rules import axis, cases_for

_others = st.integers(0, 3)
_lengths = st.sampled_from([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0])


@cases_for(Concatenate)
def concatenate(draw: Draw, x: Shape) -> Spec:
    dim = draw(axis(len(x)))
    lengths = [x[dim], *(draw(_lengths) for _ in range(draw(_others)))]
    at = dim % len(x)
    entries = {f"x{i}": real(*x[:at], n, *x[at + 1 :]) for i, n in enumerate(lengths)}
    return spec(Concatenate(dim), **entries)


@cases_for(Stack, rank=(0, 4))
def stack(draw: Draw, x: Shape) -> Spec:
    dim = draw(axis(len(x) + 1))
    return spec(Stack(dim), **{f"x{i}": real(*x) for i in range(1 + draw(_others))})
