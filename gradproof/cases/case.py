"""A case: one layer or network on given arrays, with everything that was drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from gradproof.arrays import Array, in_dtype, largest
from gradproof.cases.values import draw_dy, lay_out
from gradproof.subject.layer import differentiable, takes_absent
from gradproof.subject.layer_options import as_text
from gradproof.subject.low_precision import held, lowered, rounded


@dataclass(frozen=True)
class Case:
    """A layer on given arrays, with everything that was drawn.

    layer     the layer
    arrays    by argument name, in `forward`'s order; an absent argument is None
    kinds     the kind of each argument
    dtype     of every array that is not an index
    layout    how the arrays lie in memory when manual receives them
    hazards   how the values of the inputs, of the parameters and of dy were drawn
    seed      from which the arrays were filled
    dy        the cotangent of each output, None where one has none or the loss does not use it;
              drawn when first needed
    low       "bfloat16" or "float16" where manual computes in it; the arrays hold such numbers in
              float32. "" elsewhere
    """

    layer: Any
    arrays: Mapping[str, Array | None]
    kinds: Mapping[str, str]
    dtype: str
    layout: str = "C"
    hazards: tuple[str, ...] = ()
    seed: int = 0
    dy: tuple[Array | None, ...] = ()
    low: str = ""

    @property
    def target(self) -> Any:
        """What is judged: here the layer, elsewhere an optimiser."""
        return self.layer

    @property
    def kind(self) -> str:
        """The name of the type of what is judged."""
        return type(self.target).__name__

    @property
    def is_low(self) -> bool:
        """Whether manual computes in low precision; the same numbers may be judged in float64."""
        return bool(self.low) and self.dtype == "float32"

    @property
    def precision(self) -> str:
        """The dtype in which manual computes."""
        return self.low if self.is_low else self.dtype

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
        """A short name that only equal cases share."""
        shapes = [(n, None if a is None else a.shape) for n, a in self.arrays.items()]
        drawn = repr((shapes, self.precision, self.layout, self.hazards, self.seed))
        text = f"({as_text(self.layer)}, {drawn[1:]}"
        return blake2b(text.encode(), digest_size=6).hexdigest()

    def with_dy(self, outputs: Sequence[Array]) -> Case:
        """The case with a drawn cotangent for each output that has one; itself if it has them."""
        if self.dy:
            return self
        able = differentiable(self.layer, len(outputs))
        absent = takes_absent(self.layer)
        dy = draw_dy([*map(held, outputs)], able, self.hazards[-1], self.seed, absent)
        if self.is_low:
            dy = tuple(rounded(d, self.low) for d in dy)
        return replace(self, dy=dy)


class NetworkCase(Case):
    """The same of a network: a layer with `inputs` and a program of `steps`."""


def case_of(layer: Any, *fields: Any, **named: Any) -> Case:
    """A `NetworkCase` for a network, a `Case` for any other layer; fields as `Case` has them."""
    return (NetworkCase if hasattr(layer, "steps") else Case)(layer, *fields, **named)


def smooth_names(case: Case) -> list[str]:
    """The arguments that have a gradient, in order."""
    return [name for name, s in zip(case.arrays, case.smooth, strict=True) if s]


def cast(case: Case, dtype: str) -> Case:
    """The case with all its numbers in another dtype; what is too large becomes infinite."""
    with np.errstate(all="ignore"):
        arrays = {name: in_dtype(a, dtype) for name, a in case.arrays.items()}
        dy = tuple(in_dtype(d, dtype) for d in case.dy)
    return replace(case, arrays=arrays, dtype=dtype, dy=dy)


def wide(case: Case) -> Case:
    """The case with all its numbers in float64."""
    return cast(case, "float64")


def lowest(case: Case, low: str) -> Case:
    """The case in low precision, with all its numbers rounded to it."""
    case = cast(case, "float32")
    arrays = {name: rounded(a, low) for name, a in case.arrays.items()}
    dy = tuple(rounded(d, low) for d in case.dy)
    return replace(case, arrays=arrays, dy=dy, low=low)


def with_arrays(case: Case, arrays: Sequence[Array | None]) -> Case:
    """The case with other arrays, in the order of the names."""
    return replace(case, arrays=dict(zip(case.arrays, arrays, strict=True)))


def nearby(case: Case, count: int) -> Iterator[Case]:
    """Cases whose numbers differ from this one's in their last digit."""
    r = np.random.default_rng(0)
    for _ in range(count):
        arrays = {name: _moved(a, r) for name, a in case.arrays.items()}
        yield replace(case, arrays=arrays)


def _moved(a: Array | None, r: np.random.Generator) -> Array | None:
    if a is None or a.dtype.kind != "f":
        return a
    return np.asarray(a * (1 + np.finfo(a.dtype).eps * r.uniform(-1, 1, a.shape)), dtype=a.dtype)


def received(case: Case) -> list[Array | None]:
    """The arrays as manual receives them: in the case's layout, read-only."""
    given = (in_precision(case, a) for a in case.arrays.values())
    return [None if a is None else lay_out(a, case.layout) for a in given]


def received_dy(case: Case) -> tuple[Array | None, ...]:
    """The cotangents as manual receives them; one that repeats a row without a copy stays so."""
    given = (in_precision(case, d) for d in case.dy)
    return tuple(d if d is None or 0 in d.strides else lay_out(d, case.layout) for d in given)


def in_precision(case: Case, a: Array | None) -> Any:
    """An array of the case in the dtype in which manual computes."""
    return lowered(a, case.low) if case.is_low else a
