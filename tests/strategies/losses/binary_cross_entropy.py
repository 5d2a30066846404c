"""Valid cases of the losses of a yes or a no."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import (
    Draw,
    Entry,
    Shape,
    Spec,
    choice,
    positive,
    real,
    spec,
    uniform,
)
from manual.losses.binary_cross_entropy import BCELoss, BCEWithLogitsLoss
from tests.strategies.rules import cases_for, reductions


@cases_for(BCELoss, rank=(0, 4))
def bce_loss(draw: Draw, x: Shape) -> Spec:
    entries = {"x": uniform(0.0, 1.0, *x), "target": labels(draw, x)}
    if draw(st.booleans()):
        entries["weight"] = positive(*fitting(draw, x))
    return spec(BCELoss(draw(reductions)), **entries)


@cases_for(BCEWithLogitsLoss, rank=(0, 4))
def bce_with_logits_loss(draw: Draw, x: Shape) -> Spec:
    # Unlike BCELoss, this one takes targets outside [0, 1].
    entries = {"x": real(*x), "target": labels(draw, x) if draw(st.booleans()) else real(*x)}
    for name in ("weight", "pos_weight"):
        if draw(st.booleans()):
            entries[name] = positive(*fitting(draw, x))
    return spec(BCEWithLogitsLoss(draw(reductions)), **entries)


def labels(draw: Draw, x: Shape) -> Entry:
    """Hard labels 0 and 1, or probabilities."""
    return choice((0.0, 1.0), *x) if draw(st.booleans()) else uniform(0.0, 1.0, *x)


def fitting(draw: Draw, x: Shape) -> Shape:
    """A shape that broadcasts to x: leading axes left out, others of length 1."""
    kept = x[draw(st.integers(0, len(x))) :]
    return tuple(draw(st.sampled_from([n, n, 1])) for n in kept)
