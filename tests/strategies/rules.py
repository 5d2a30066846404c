"""The table of case strategies, and draws that several of them share."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import CaseRules

cases_for = CaseRules()

sizes = st.integers(1, 5)
"""The length of an axis that the strategy may choose."""

halves = st.integers(-8, 8).map(lambda n: n / 2)
"""Hyper-parameters on the grid on which inputs are drawn too, so that kinks and ties are hit."""

reductions = st.sampled_from(["none", "mean", "sum"])


def axis(rank: int) -> st.SearchStrategy[int]:
    """Any axis of a `rank`-dimensional array, counted from either end."""
    return st.integers(-rank, rank - 1)
