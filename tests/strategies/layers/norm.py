"""Valid cases of batch normalisation."""

from __future__ import annotations

from math import prod

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, positive, real, spec
from manual.layers.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tests.strategies.rules import cases_for, limited

_eps = st.sampled_from([1e-5, 1e-3, 0.5])
_either = st.booleans()
_momentum = st.sampled_from([0.1, 0.5, 0.0, 1.0, 0.75])
_affine = st.sampled_from([("weight", "bias"), ("weight", "bias"), (), ("weight",), ("bias",)])


@cases_for(BatchNorm1d, rank=(2, 3))
def batch_norm1d(draw: Draw, x: Shape) -> Spec:
    return _batch_norm(draw, BatchNorm1d, x)


@cases_for(BatchNorm2d, rank=(4, 4))
def batch_norm2d(draw: Draw, x: Shape) -> Spec:
    return _batch_norm(draw, BatchNorm2d, x)


@cases_for(BatchNorm3d, rank=(5, 5))
def batch_norm3d(draw: Draw, x: Shape) -> Spec:
    return _batch_norm(draw, BatchNorm3d, x)


def _batch_norm(draw: Draw, kind: type[BatchNorm1d | BatchNorm2d | BatchNorm3d], x: Shape) -> Spec:
    """Torch trains on no fewer than two values per channel; one or none are for evaluation."""
    x = limited((x[0], max(x[1], 1), *x[2:]))
    few = prod(x) < 2 * x[1]
    tracked = few or draw(_either)
    training = not few and draw(_either)
    layer = kind(draw(_eps), draw(_momentum), training)
    entries = {"x": real(*x)}
    if tracked:
        entries |= {"running_mean": real(x[1]), "running_var": positive(x[1])}
    entries |= dict.fromkeys(draw(_affine), real(x[1]))
    return spec(layer, **entries)
