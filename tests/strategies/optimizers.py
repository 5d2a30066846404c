"""Valid optimisers and clips, every option in combination with the others."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gradproof.subject.entries import Draw
from manual.optimizer import Optimizer
from manual.optimizers.adadelta import Adadelta
from manual.optimizers.adagrad import Adagrad
from manual.optimizers.adam import Adam, AdamW
from manual.optimizers.adamax import Adamax
from manual.optimizers.asgd import ASGD
from manual.optimizers.clip import ClipGradNorm, ClipGradValue
from manual.optimizers.nadam import NAdam
from manual.optimizers.radam import RAdam
from manual.optimizers.rmsprop import RMSprop
from manual.optimizers.rprop import Rprop
from manual.optimizers.sgd import SGD

rates = st.sampled_from([0.01, 0.5, 1.0, 0.1, 1e-3, 3.0])
fractions = st.sampled_from([0.9, 0.0, 0.3, 0.5, 0.99])
slow_fractions = st.sampled_from([0.999, 0.9, 0.99, 0.5, 0.0])
# 0 is not drawn: with a gradient of 0 it asks for 0 / 0.
eps = st.sampled_from([1e-8, 1e-3, 0.5])
weight_decays = st.sampled_from([0.0, 0.1, 0.01, 0.7])
flags = st.booleans()

moments: dict[str, st.SearchStrategy[Any]] = {
    "lr": rates,
    "betas": st.tuples(fractions, slow_fractions),
    "eps": eps,
    "weight_decay": weight_decays,
    "maximize": flags,
}


@st.composite
def sgd(draw: Draw) -> SGD:
    momentum = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    nesterov = momentum > 0 and draw(flags)
    return SGD(
        lr=draw(rates),
        momentum=momentum,
        dampening=0.0 if nesterov else draw(fractions),
        weight_decay=draw(weight_decays),
        nesterov=nesterov,
        maximize=draw(flags),
    )


@st.composite
def rmsprop(draw: Draw) -> RMSprop:
    centered = draw(flags)
    # Centred with alpha = 0, the variance is g² − g², whose root is rounding alone.
    alphas = [0.99, 0.9, 0.5] if centered else [0.99, 0.9, 0.5, 0.0]
    return RMSprop(
        lr=draw(rates),
        alpha=draw(st.sampled_from(alphas)),
        eps=draw(eps),
        weight_decay=draw(weight_decays),
        momentum=draw(st.sampled_from([0.0, 0.5, 0.9])),
        centered=centered,
        maximize=draw(flags),
    )


strategies: dict[type[Optimizer], st.SearchStrategy[Any]] = {
    SGD: sgd(),
    Adam: st.builds(Adam, **moments, amsgrad=flags, decoupled_weight_decay=flags),
    AdamW: st.builds(AdamW, **moments, amsgrad=flags),
    NAdam: st.builds(
        NAdam,
        **moments,
        momentum_decay=st.sampled_from([4e-3, 0.0, 0.5]),
        decoupled_weight_decay=flags,
    ),
    RAdam: st.builds(RAdam, **moments, decoupled_weight_decay=flags),
    Adamax: st.builds(Adamax, **moments),
    RMSprop: rmsprop(),
    Adagrad: st.builds(
        Adagrad,
        lr=rates,
        lr_decay=st.sampled_from([0.0, 0.1, 1.0]),
        weight_decay=weight_decays,
        initial_accumulator_value=st.sampled_from([0.0, 0.1, 2.0]),
        eps=eps,
        maximize=flags,
    ),
    Adadelta: st.builds(
        Adadelta,
        lr=rates,
        rho=st.sampled_from([0.9, 0.5, 0.0, 1.0]),
        eps=eps,
        weight_decay=weight_decays,
        maximize=flags,
    ),
    ASGD: st.builds(
        ASGD,
        lr=rates,
        lambd=st.sampled_from([1e-4, 0.1, 0.0]),
        alpha=st.sampled_from([0.75, 0.5, 1.0]),
        t0=st.sampled_from([1e6, 0.0, 2.0]),
        weight_decay=weight_decays,
        maximize=flags,
    ),
    Rprop: st.builds(
        Rprop,
        lr=rates,
        etas=st.sampled_from([(0.5, 1.2), (0.25, 2.0), (0.9, 1.1)]),
        step_sizes=st.sampled_from([(1e-6, 50.0), (0.05, 0.2)]),
        maximize=flags,
    ),
}
"""One strategy for each type of optimiser; one without an entry is not tested."""


def optimizers() -> st.SearchStrategy[Any]:
    """Any optimiser, with any of its options."""
    return st.one_of(*strategies.values())


def clips() -> st.SearchStrategy[Any]:
    """Any gradient clipping."""
    limits = st.sampled_from([1.0, 0.1, 1e-3, 10.0, 1e6])
    norms = st.sampled_from([2.0, 1.0, float("inf"), 0.5, 3.0])
    return st.builds(
        ClipGradNorm, max_norm=limits, norm_type=norms, error_if_nonfinite=flags
    ) | st.builds(ClipGradValue, clip_value=limits)
