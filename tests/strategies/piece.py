"""Valid cases of the layers that take an array apart."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec
from manual.piece import Slice, Split
from tests.strategies.rules import axis, cases_for


@cases_for(Slice)
def slice_(draw: Draw, x: Shape) -> Spec:
    """Each end counted from the front or the back, beyond the axis, or left out; seldom empty."""
    dim = draw(axis(len(x)))
    n = x[dim]
    first = draw(st.integers(0, max(n - 1, 0)))
    last = draw(st.integers(min(first + 1, n), n)) if draw(st.integers(0, 19)) else first
    start = draw(st.sampled_from([first, first - n, -n - 2, None]))
    end = draw(st.sampled_from([last, last - n, n + 2, None]))
    return spec(Slice(dim, start, end, draw(st.integers(1, 3))), x=real(*x))


@cases_for(Split)
def split(draw: Draw, x: Shape) -> Spec:
    """A length that divides the axis or not; or sections, some of them perhaps of length 0."""
    dim = draw(axis(len(x)))
    n = x[dim]
    if draw(st.booleans()):
        return spec(Split(draw(st.integers(min(n, 1), n + 1)), dim), x=real(*x))
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
    return spec(Split(tuple(b - a for a, b in pairwise([0, *cuts, n])), dim), x=real(*x))
