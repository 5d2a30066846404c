"""Drawing a case: a valid layer from its strategy, and everything else by the harness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from gradproof.errors import InputError
from gradproof.fill import ANY, HAZARDS, LAYOUTS, MILD, MILD_PARAMETERS, Array, fill, lay_out
from gradproof.spec import CaseRule, Draw, Shape, Spec

T = TypeVar("T")
_DY = 1 << 20  # the generator stream of the cotangents, after any argument's


@dataclass(frozen=True)
class Case:
    """A layer on given arrays, with everything that was drawn.

    layer     the layer, or a network
    arrays    by argument name, in `forward`'s order; an absent argument is None
    kinds     the kind of each argument
    dtype     of every array that is not an index
    layout    how the arrays lie in memory when manual receives them
    hazards   how the values were drawn: of the inputs, of the parameters, of dy
    seed      from which the arrays were filled
    dy        the cotangent of each output, None where one has none; drawn when first needed
    """

    layer: Any
    arrays: Mapping[str, Array | None]
    kinds: Mapping[str, str]
    dtype: str
    layout: str = "C"
    hazards: tuple[str, ...] = ()
    seed: int = 0
    dy: tuple[Array | None, ...] = ()

    @property
    def kind(self) -> str:
        return type(self.layer).__name__

    @cached_property
    def smooth(self) -> tuple[bool, ...]:
        """Whether each argument has a gradient."""
        return tuple(
            self.arrays[name] is not None and kind in ("real", "param")
            for name, kind in self.kinds.items()
        )

    @cached_property
    def scale(self) -> float:
        """The largest input times the largest cotangent, each at least 1."""
        given = [a for a in self.arrays.values() if a is not None]
        return largest(given) * largest([d for d in self.dy if d is not None])

    @cached_property
    def digest(self) -> str:
        """A short name that two cases share only if they are the same."""
        shapes = [(n, None if a is None else a.shape) for n, a in self.arrays.items()]
        text = repr((self.layer, shapes, self.dtype, self.layout, self.hazards, self.seed))
        return blake2b(text.encode(), digest_size=6).hexdigest()

    def with_dy(self, outputs: Sequence[Array]) -> Case:
        """The case with a drawn cotangent for each floating output; itself if it has them."""
        if self.dy:
            return self
        return replace(self, dy=draw_dy(outputs, self.hazards[-1], self.seed))


def smooth_names(case: Case) -> list[str]:
    """The arguments that have a gradient, in order."""
    return [name for name, s in zip(case.arrays, case.smooth, strict=True) if s]


def numbered(name: str, arrays: Sequence[T]) -> dict[str, T]:
    """By name what there is one of for each output: y, y1, y2, … or dy, dy1, dy2, …"""
    return {f"{name}{i or ''}": a for i, a in enumerate(arrays)}


def in_double(a: Array | None) -> Any:
    """A copy of the array in float64; one of integers as it is."""
    return a if a is None or a.dtype.kind != "f" else np.array(a, dtype=np.float64)


def wide(case: Case) -> Case:
    """The case with all its numbers in float64."""
    arrays = {name: in_double(a) for name, a in case.arrays.items()}
    return replace(case, arrays=arrays, dtype="float64", dy=tuple(map(in_double, case.dy)))


def largest(arrays: Sequence[Array]) -> float:
    """The largest magnitude in the arrays, at least 1."""
    return max([1.0, *(max(float(a.max()), -float(a.min())) for a in arrays if a.size)])


def arguments(layer: Any, given: Sequence[str]) -> dict[str, str]:
    """Name and kind of each argument of `layer.forward`, up to the last of the given ones.

    Raises    ValueError when `forward` takes no argument of a given name
              InputError for one that is named as outputs are
    """
    outputs = [name for name in given if name[0] == "y" and name[1:].isdigit() | (name == "y")]
    if outputs:
        raise InputError(
            f"{type(layer).__name__}.forward has an argument named {outputs[0]!r}, as outputs are "
            "called here (y, y1, y2, …); give it another name"
        )
    for count in range(len(given), len(given) + 16):
        try:
            kinds: dict[str, str] = layer.argument_kinds(count)
        except TypeError:
            continue
        if set(given) <= set(kinds):
            return kinds
    raise ValueError(f"{type(layer).__name__}.forward does not take {', '.join(given)}")


def make_case(spec: Spec, dtype: str, hazards: tuple[str, ...], layout: str, seed: int) -> Case:
    """Fill a spec's arrays from one seed."""
    kinds = arguments(spec.layer, list(spec.entries))
    arrays: dict[str, Array | None] = {}
    for i, (name, kind) in enumerate(kinds.items()):
        entry = spec.entries.get(name)
        hazard = hazards[1] if kind == "param" else hazards[0]
        generator = np.random.default_rng([seed, i])
        arrays[name] = None if entry is None else fill(entry, hazard, generator, dtype)
    return Case(spec.layer, arrays, kinds, dtype, layout, hazards, seed)


def draw_dy(outputs: Sequence[Array], hazard: str, seed: int) -> tuple[Array | None, ...]:
    """Sign-varied cotangents.

    The hazard "broadcast" repeats one row without copying it, "sparse" has zeros in half of it.
    """
    drawn: list[Array | None] = []
    for i, y in enumerate(outputs):
        if y.dtype.kind not in "fc":
            drawn.append(None)
            continue
        r = np.random.default_rng([seed, _DY + i])
        if hazard == "broadcast" and y.ndim:
            row = r.standard_normal(y.shape[-1:]).astype(y.dtype)
            dy = np.broadcast_to(row, y.shape)
        else:
            name = "normal" if hazard in ("broadcast", "sparse") else hazard
            dy = np.array(HAZARDS[name](r, y.shape), dtype=y.dtype)
            if hazard == "sparse" and y.size > 1:
                dy.flat[r.permutation(y.size)[: y.size // 2]] = 0
        dy.flags.writeable = False
        drawn.append(dy)
    return tuple(drawn)


_AXIS = st.sampled_from((2, 3, 4, 5, 2, 3, 4, 5, 6, 1))
_ONE_IN_8 = st.integers(0, 7)
_ONE_IN_40 = st.integers(0, 39)
_DTYPES = st.sampled_from(["float64", "float32"])
_ANY = st.sampled_from(ANY)
_MILD = st.sampled_from(MILD)
_MILD_PARAMETERS = st.sampled_from(MILD_PARAMETERS)
_LAYOUTS = st.sampled_from(LAYOUTS)
_DY_HAZARDS = st.sampled_from(["normal", "broadcast", "mixed-scales", "sparse", "tiny", "huge"])
_SEEDS = st.integers(0, 2**32 - 1)


def draw_shape(draw: Draw, rule: CaseRule) -> Shape:
    """A first argument's shape: axes distinct or deliberately equal, now and then of length 0."""
    rank: int = draw(st.integers(*rule.rank))
    if rank and draw(_ONE_IN_8) == 0:
        length: int = draw(st.integers(1, 4))
        return (length,) * rank
    axes: list[int] = [draw(_AXIS) for _ in range(rank)]
    if rank and rule.empty and draw(_ONE_IN_40) == 39:
        axes[draw(st.integers(0, rank - 1))] = 0
    return tuple(axes)


@st.composite
def cases(draw: Draw, rule: CaseRule, *, mild: bool = False) -> Case:
    """Any valid case of one layer; `mild` keeps magnitudes near one, for deep networks."""
    spec = rule.rule(draw, draw_shape(draw, rule))
    inputs, parameters = (_MILD, _MILD_PARAMETERS) if mild else (_ANY, _ANY)
    hazards = (draw(inputs), draw(parameters), draw(_DY_HAZARDS))
    return make_case(spec, draw(_DTYPES), hazards, draw(_LAYOUTS), draw(_SEEDS))


def received(case: Case) -> list[Array | None]:
    """The arrays as manual receives them: in the case's layout, read-only."""
    return [None if a is None else lay_out(a, case.layout) for a in case.arrays.values()]


def received_dy(case: Case) -> tuple[Array | None, ...]:
    """The cotangents as manual receives them: one that repeats a row stays as it is."""
    return tuple(d if d is None or 0 in d.strides else lay_out(d, case.layout) for d in case.dy)
