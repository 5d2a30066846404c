"""Valid cases of tables looked up by number."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, index, real, spec
from manual.layers.sparse import Embedding
from tests.strategies.rules import cases_for, sizes

_rows = st.integers(1, 6)


@cases_for(Embedding, rank=(0, 4))
def embedding(draw: Draw, x: Shape) -> Spec:
    """The padding row is counted from either end or absent; it is looked up, or it is not."""
    rows = draw(_rows)
    padding = draw(st.one_of(st.none(), st.integers(-rows, rows - 1))) if rows > 1 else None
    low, high = 0, rows
    if padding is not None and draw(st.booleans()):
        low, high = (1, rows) if padding % rows == 0 else (0, padding % rows)
    layer = Embedding(padding, draw(st.booleans()))
    return spec(layer, x=index(high, *x, low=low), weight=real(rows, draw(sizes)))
