"""Drawing a case: the strategy draws a valid layer, the harness everything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.strategies._internal.lazy import unwrap_strategies

from gradproof.arrays import Array
from gradproof.cases.accepted import accepted
from gradproof.cases.case import Case, case_of
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.cases.values import ANY, LAYOUTS, MILD, MILD_PARAMETERS, fill
from gradproof.errors import InputError
from gradproof.subject.entries import DTYPES, INTEGERS, CaseRule, Draw, Shape, Spec
from gradproof.subject.layer import named_arguments
from gradproof.subject.layer_options import check_options
from gradproof.subject.low_precision import LOW, rounded


def make_case(spec: Spec, dtype: str, hazards: tuple[str, ...], layout: str, seed: int) -> Case:
    """Fill a spec's arrays from one seed.

    Raises    InputError for names that `forward` does not have, and for integers where it says that
              an argument has a gradient; for options that a case cannot save
    """
    drawn = {name for name, entry in spec.entries.items() if entry.domain in INTEGERS}
    try:
        kinds = named_arguments(spec.layer, list(spec.entries), drawn)
    except ValueError as error:
        raise InputError(f"{error}; let its case strategy name arrays as forward does") from error
    check_options(spec.layer)
    low = dtype if dtype in LOW else ""
    dtype = "float32" if low else dtype
    arrays: dict[str, Array | None] = {}
    for i, (name, kind) in enumerate(kinds.items()):
        entry = spec.entries.get(name)
        hazard = hazards[1] if kind == "param" else hazards[0]
        generator = np.random.default_rng([seed, i])
        if name in drawn and kind in ("real", "param"):
            raise InputError(
                f"{type(spec.layer).__name__}.forward takes {name} as numbers with a gradient, "
                f"its case strategy draws integers; annotate {name} with Index, or draw real(…)"
            )
        array = None if entry is None else fill(entry, hazard, generator, dtype)
        arrays[name] = rounded(array, low) if low else array
    return case_of(spec.layer, arrays, kinds, dtype, layout, hazards, seed, low=low)


_AXIS = st.sampled_from((2, 3, 4, 5, 2, 3, 4, 5, 6, 1))
_TILES = st.sampled_from([n + k for n in (16, 8, 32, 64, 128, 256, 1024) for k in (1, 0, -1)])
_MOST = 8192
"""The most numbers of a case; a matrix with two long axes would take a layer too long."""
_ONE_IN_8 = st.integers(0, 7)
_ONE_IN_40 = st.integers(0, 39)
_DTYPES = st.sampled_from(DTYPES)
_FORMS = st.sampled_from([*product(DTYPES, LAYOUTS)])
_DY_HAZARDS = ("normal", "broadcast", "mixed-scales", "sparse", "tiny", "huge", "ones", "alone")
_ANY = st.sampled_from([*product(ANY, ANY, _DY_HAZARDS)])
_MILD = st.sampled_from([*product(MILD, MILD_PARAMETERS, _DY_HAZARDS)])
_SEEDS = st.integers(0, 2**32 - 1)
_inside: Callable[[Any], Any] = unwrap_strategies
_PLAIN = {type(_inside(s)) for s in (_SEEDS, _AXIS, st.booleans())}
"""Strategies of one number or choice."""


def draw_shape(draw: Draw, rule: CaseRule, long: bool = False) -> Shape:
    """A first argument's shape: axes distinct, or deliberately equal, or sometimes of length 0.

    long    whether one axis may be as long as a kernel's tile, or one more or less
    """
    rank: int = draw(st.integers(*rule.rank))
    if rank and long and draw(_ONE_IN_8) == 7:
        tile: int = draw(_TILES)
        at: int = draw(st.integers(0, rank - 1))
        short = st.integers(1, 2 if tile > 40 else 3)
        return tuple(tile if axis == at else draw(short) for axis in range(rank))
    if rank and draw(_ONE_IN_8) == 0:
        length: int = draw(st.integers(1, 4))
        return (length,) * rank
    axes: list[int] = [draw(_AXIS) for _ in range(rank)]
    if rank and rule.empty and draw(_ONE_IN_40) == 39:
        axes[draw(st.integers(0, rank - 1))] = 0
    return tuple(axes)


def _quickly(draw: Draw) -> Draw:
    """The same, but numbers and choices are drawn without a record of where each began and ended.

    Hypothesis needs the record to shrink a case well. It takes as long as all else in drawing.
    """
    data = current_build_context().data

    def quick(strategy: Any) -> Any:
        plain = _inside(strategy)
        return plain.do_draw(data) if type(plain) in _PLAIN else draw(strategy)

    return quick


@st.composite
def cases(
    draw: Draw,
    rule: CaseRule,
    *,
    mild: bool = False,
    quick: Callable[[], bool] = bool,
    heard: Callable[[bool], None] = lambda _: None,
) -> Case:
    """Any valid case of one layer.

    mild     whether magnitudes stay near one, for deep networks
    quick    whether nothing is being shrunk
    heard    called with whether the rule accepts the numbers; what it refuses is drawn again
    """
    draw = _quickly(draw) if quick() else draw
    spec = rule.rule(draw, draw_shape(draw, rule, long=not mild))
    if sum(math.prod(entry.shape) for entry in spec.entries.values()) > _MOST:
        spec = rule.rule(draw, draw_shape(draw, rule))
    hazards = draw(_MILD if mild else _ANY)
    dtype, layout = draw(_FORMS)
    if dtype not in rule.dtypes or len(rule.dtypes) > len(DTYPES):
        dtype = draw(st.sampled_from(rule.dtypes))
    case = make_case(spec, dtype, hazards, layout, draw(_SEEDS))
    taken = accepted(rule.accepts, case)
    heard(taken)
    return case if taken else reject()


@st.composite
def optimizer_cases(draw: Draw, optimizers: st.SearchStrategy[Any]) -> OptimizerCase:
    """At least three steps of an optimiser on at least two tensors."""
    shape = st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple)
    scale = st.integers(0, 7).map(lambda k: 10.0**-k)
    return OptimizerCase(
        draw(optimizers),
        tuple(draw(st.lists(shape, min_size=2, max_size=3))),
        tuple(draw(st.lists(scale, min_size=3, max_size=6))),
        draw(st.booleans()),
        draw(_DTYPES),
        draw(_SEEDS),
        draw(st.booleans()),
    )
