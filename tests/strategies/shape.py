"""Valid cases of the layers that change the shape alone."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from gradproof.spec import Draw, Shape, Spec, real, spec
from manual.shape import Flatten, Identity, Permute, Reshape, Transpose, Unflatten
from tests.strategies.rules import axis, cases_for


@cases_for(Identity, rank=(0, 4))
def identity(draw: Draw, x: Shape) -> Spec:
    return spec(Identity(), x=real(*x))


@cases_for(Flatten, rank=(0, 4))
def flatten(draw: Draw, x: Shape) -> Spec:
    rank = max(len(x), 1)
    start = draw(st.integers(0, rank - 1))
    end = draw(st.integers(start, rank - 1))
    start, end = (i - rank if draw(st.booleans()) else i for i in (start, end))
    return spec(Flatten(start, end), x=real(*x))


@cases_for(Unflatten)
def unflatten(draw: Draw, x: Shape) -> Spec:
    dim = draw(axis(len(x)))
    sizes = _lengths(draw, x[dim], draw(st.integers(1, 3)))
    return spec(Unflatten(dim, sizes), x=real(*x))


@cases_for(Reshape, rank=(0, 4))
def reshape(draw: Draw, x: Shape) -> Spec:
    count = math.prod(x)
    sizes = _lengths(draw, count, draw(st.integers(0 if count == 1 else 1, 4)))
    return spec(Reshape(sizes), x=real(*x))


@cases_for(Transpose)
def transpose(draw: Draw, x: Shape) -> Spec:
    dim0, dim1 = draw(axis(len(x))), draw(axis(len(x)))
    return spec(Transpose(dim0, dim1), x=real(*x))


@cases_for(Permute, rank=(0, 4))
def permute(draw: Draw, x: Shape) -> Spec:
    order = draw(st.permutations(range(len(x))))
    dims = tuple(i - len(x) if draw(st.booleans()) else i for i in order)
    return spec(Permute(dims), x=real(*x))


def _lengths(draw: Draw, count: int, rank: int) -> Shape:
    """`rank` lengths that multiply to `count`, one of them perhaps written −1."""
    if rank == 0:
        return ()
    sizes, rest = [], count
    for _ in range(rank - 1):
        sizes.append(draw(st.sampled_from([n for n in range(1, (rest or 3) + 1) if rest % n == 0])))
        rest //= sizes[-1]
    sizes = draw(st.permutations([*sizes, rest]))
    if draw(st.booleans()):
        # With a 0 among them, only the 0 itself can be worked out from the others.
        unknown = draw(st.integers(0, rank - 1)) if count else sizes.index(0)
        sizes[unknown] = -1
    return tuple(sizes)
