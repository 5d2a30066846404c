"""Valid cases of views, pieces and joins."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, real, spec
from manual.layers.shape import (
    Concatenate,
    Flatten,
    Identity,
    Permute,
    Reshape,
    Slice,
    Split,
    Stack,
    Transpose,
    Unflatten,
)
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


_others = st.integers(0, 3)
_part_lengths = st.sampled_from([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0])


@cases_for(Concatenate)
def concatenate(draw: Draw, x: Shape) -> Spec:
    dim = draw(axis(len(x)))
    lengths = [x[dim], *(draw(_part_lengths) for _ in range(draw(_others)))]
    at = dim % len(x)
    entries = {f"x{i}": real(*x[:at], n, *x[at + 1 :]) for i, n in enumerate(lengths)}
    return spec(Concatenate(dim), **entries)


@cases_for(Stack, rank=(0, 4))
def stack(draw: Draw, x: Shape) -> Spec:
    dim = draw(axis(len(x) + 1))
    return spec(Stack(dim), **{f"x{i}": real(*x) for i in range(1 + draw(_others))})
