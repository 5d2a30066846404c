"""Valid cases of divergence and negative log likelihood."""

from __future__ import annotations

from hypothesis import strategies as st

from gradproof.subject.entries import Draw, Shape, Spec, choice, positive, real, spec, uniform
from manual.losses.divergence import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from tests.strategies.layers.arithmetic import partner
from tests.strategies.rules import cases_for, reductions


@cases_for(KLDivLoss, rank=(0, 4))
def kl_div_loss(draw: Draw, x: Shape) -> Spec:
    layer = KLDivLoss(draw(reductions | st.just("batchmean")), draw(st.booleans()))
    low, high = (-9.0, 0.0) if layer.log_target else (0.0, 1.0)
    return spec(layer, x=real(*x), target=uniform(low, high, *partner(draw, x)))


@cases_for(PoissonNLLLoss, rank=(0, 4))
def poisson_nll_loss(draw: Draw, x: Shape) -> Spec:
    eps = draw(st.sampled_from([1e-8, 1e-3, 0.5]))
    layer = PoissonNLLLoss(draw(st.booleans()), draw(st.booleans()), eps, draw(reductions))
    rates = uniform(-9.0, 9.0, *x) if layer.log_input else uniform(0.0, 9.0, *x)
    shape = partner(draw, x)
    counts = choice((0.0, 1.0, 2.0, 7.0), *shape) if draw(st.booleans()) else positive(*shape)
    return spec(layer, x=rates, target=counts)


@cases_for(GaussianNLLLoss, rank=(0, 4))
def gaussian_nll_loss(draw: Draw, x: Shape) -> Spec:
    eps = draw(st.sampled_from([1e-6, 1e-2, 0.5]))
    layer = GaussianNLLLoss(draw(st.booleans()), eps, draw(reductions))
    shape = variance(draw, x)
    var = uniform(0.0, 2.0, *shape) if draw(st.booleans()) else positive(*shape)
    return spec(layer, x=real(*x), target=real(*partner(draw, x)), var=var)


def variance(draw: Draw, x: Shape) -> Shape:
    """One variance per entry, per row, or shared along one axis."""
    axis = draw(st.integers(0, len(x) + 1))
    if axis < len(x):
        return (*x[:axis], 1, *x[axis + 1 :])
    return x if axis == len(x) else x[:-1]
