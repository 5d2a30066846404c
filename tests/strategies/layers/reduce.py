"""Valid cases of the reductions over one axis, several or all."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, real, spec
from manual.layers.reduce import Dim, LogSumExp, Max, Mean, Sum
from tests.strategies.rules import cases_for

_keep = st.booleans()


@cases_for(Sum, rank=(0, 4))
def sum_(draw: Draw, x: Shape) -> Spec:
    return spec(Sum(_any(draw, x), draw(_keep)), x=real(*x))


@cases_for(Mean, rank=(0, 4))
def mean(draw: Draw, x: Shape) -> Spec:
    return spec(Mean(_any(draw, x), draw(_keep)), x=real(*x))


@cases_for(Max, rank=(0, 4))
def max_(draw: Draw, x: Shape) -> Spec:
    """Nothing has no maximum: where an axis is empty, only axes with entries are reduced."""
    if x and not any(x):
        x = (1,) * len(x)
    dim = _some(draw, x, [i for i, n in enumerate(x) if n]) if 0 in x else _any(draw, x)
    first = isinstance(dim, int) and draw(st.booleans())
    return spec(Max(dim, draw(_keep), first), x=real(*x))


@cases_for(LogSumExp, rank=(0, 4))
def log_sum_exp(draw: Draw, x: Shape) -> Spec:
    return spec(LogSumExp(_some(draw, x, range(len(x))), draw(_keep)), x=real(*x))


def _any(draw: Draw, x: Shape) -> Dim:
    """None or (), which are all axes; or some."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([None, ()]))
    return _some(draw, x, range(len(x)))


def _some(draw: Draw, x: Shape, axes: Sequence[int]) -> int | tuple[int, ...]:
    """One of these axes or several, in any order, each counted from either end."""
    if not x:
        return draw(st.sampled_from([0, -1]))
    chosen = draw(st.lists(st.sampled_from(axes), min_size=1, unique=True))
    chosen = [i - len(x) if draw(st.booleans()) else i for i in chosen]
    return chosen[0] if draw(st.booleans()) else tuple(chosen)
