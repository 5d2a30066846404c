"""Valid cases of the losses between two real arrays."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Entry, Shape, Spec, positive, real, spec
from manual.losses.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss, SquaredError
from tests.strategies.rules import cases_for, reductions

widths = st.integers(1, 8).map(lambda n: n / 2)
"""β and δ on the grid on which inputs are drawn too, so that |x − target| is exactly β."""


def pair(draw: Draw, x: Shape, *, weighted: bool) -> dict[str, Entry]:
    entries = {"x": real(*x), "target": real(*x)}
    if weighted and draw(st.booleans()):
        entries["weight"] = positive(*x)
    return entries


@cases_for(SquaredError, rank=(0, 4))
def squared_error(draw: Draw, x: Shape) -> Spec:
    return spec(SquaredError(draw(reductions)), **pair(draw, x, weighted=False))


@cases_for(MSELoss, rank=(0, 4))
def mse_loss(draw: Draw, x: Shape) -> Spec:
    return spec(MSELoss(draw(reductions)), **pair(draw, x, weighted=True))


@cases_for(L1Loss, rank=(0, 4))
def l1_loss(draw: Draw, x: Shape) -> Spec:
    return spec(L1Loss(draw(reductions)), **pair(draw, x, weighted=True))


@cases_for(SmoothL1Loss, rank=(0, 4))
def smooth_l1_loss(draw: Draw, x: Shape) -> Spec:
    beta = draw(st.just(0.0) | widths)
    return spec(SmoothL1Loss(draw(reductions), beta), **pair(draw, x, weighted=False))


@cases_for(HuberLoss, rank=(0, 4))
def huber_loss(draw: Draw, x: Shape) -> Spec:
    return spec(HuberLoss(draw(reductions), draw(widths)), **pair(draw, x, weighted=True))
