"""The table of case strategies, and draws that several of them share."""

from __future__ import annotations

from math import prod

from hypothesis import strategies as st

from gradproof.subject.entries import CaseRules, Shape

cases_for = CaseRules()

LARGEST = 300
"""Entries of the largest value in a network, and of an input with many axes."""

sizes = st.integers(1, 5)
"""The length of an axis that the strategy may choose."""

halves = st.integers(-8, 8).map(lambda n: n / 2)
"""Hyper-parameters on the grid on which inputs are drawn too, so that kinks and ties are hit."""

reductions = st.sampled_from(["none", "mean", "sum"])


def axis(rank: int) -> st.SearchStrategy[int]:
    """Any axis of a `rank`-dimensional array, counted from either end."""
    return st.integers(-rank, rank - 1)


def limited(x: Shape, most: int = LARGEST) -> Shape:
    """x, its longest axes shortened until it has no more than so many entries."""
    while prod(x) > most:
        at = x.index(max(x))
        x = (*x[:at], x[at] - 1, *x[at + 1 :])
    return x
