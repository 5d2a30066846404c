"""Valid cases of convolutions."""

from __future__ import annotations

from functools import cache
from itertools import product

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, real, spec
from manual.layers.conv import Conv2d, Pair
from tests.strategies.rules import cases_for, limited

_geometries = st.sampled_from(sorted(product((1, 2, 3, 4), (1, 2, 3), (1, 2, 3), (0, 1, 2))))
"""Kernel, stride, dilation and padding along one axis."""
_paddings = st.sampled_from(["", "", "same", "valid"])
_outs = st.integers(1, 3)


@cases_for(Conv2d, rank=(3, 4))
def conv2d(draw: Draw, x: Shape) -> Spec:
    """Whatever fits x; the number of examples alone may be 0."""
    x = limited((*x[:-3], *(max(n, 1) for n in x[-3:])))
    channels, *lengths = x[-3:]
    padding = draw(_paddings)
    (i, *row), (j, *column) = (_along(draw, n, padding) for n in lengths)
    stride, dilation, zeros = map(_option, row, column)
    groups = draw(_divisors(channels))
    outs = groups * draw(_outs)
    layer = Conv2d(1 if padding == "same" else stride, padding or zeros, dilation, groups)
    entries = {"x": real(*x), "weight": real(outs, channels // groups, i, j)}
    if draw(st.booleans()):
        entries["bias"] = real(outs)
    return spec(layer, **entries)


def _along(draw: Draw, n: int, padding: str) -> tuple[int, int, int, int]:
    """Kernel, stride, dilation and zeros at either end for an axis of this length."""
    kernel, stride, dilation, zeros = draw(_geometries)
    if padding == "same":
        return kernel, stride, dilation, zeros
    room = n if padding else n + 2 * zeros
    while dilation * (kernel - 1) + 1 > room:
        kernel, dilation = (kernel, dilation - 1) if dilation > 1 else (kernel - 1, dilation)
    return kernel, stride, dilation, zeros


@cache
def _divisors(n: int) -> st.SearchStrategy[int]:
    return st.sampled_from([d for d in range(1, n + 1) if n % d == 0])


def _option(high: int, wide: int) -> int | Pair:
    return high if high == wide else (high, wide)
