"""What a case strategy returns: a layer, the arrays it takes and which values are valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Draw: TypeAlias = Callable[..., Any]


DTYPES = ("float64", "float32")
"""The dtypes in which a layer is judged, if its rule names no others."""
INTEGERS = ("index", "permutation")
"""Domains of integers."""


@dataclass(frozen=True)
class Entry:
    """An array to be drawn: its shape and the domain of its values.

    domain    "real": any number
              "positive": above zero;  "uniform": low ≤ value ≤ high, both ends drawn on purpose
              "index": an integer, low ≤ value < high, or `also`
              "choice": one of `values`
              "invertible", "positive definite": square matrices in the last two axes
              "ordered", "unit", "permutation", "mask": of each row, as the functions below say
    """

    shape: Shape
    domain: str = "real"
    low: float = 0.0
    high: float = 1.0
    also: int | None = None
    values: tuple[float, ...] = ()


def real(*shape: int) -> Entry:
    """Any real numbers."""
    return Entry(shape)


def positive(*shape: int) -> Entry:
    """Numbers above zero, as a variance is."""
    return Entry(shape, "positive")


def uniform(low: float, high: float, *shape: int) -> Entry:
    """Numbers from low to high, both ends included: probabilities, random draws."""
    return Entry(shape, "uniform", low, high)


def index(high: int, *shape: int, low: int = 0, also: int | None = None) -> Entry:
    """Integers from low up to, not including, high; and `also`, such as an ignore_index."""
    return Entry(shape, "index", low, high, also)


def choice(values: tuple[float, ...], *shape: int) -> Entry:
    """Numbers from a short list, such as a mask's 0 and 1 or a sign's −1 and 1."""
    return Entry(shape, "choice", values=values)


def invertible(*shape: int) -> Entry:
    """Square matrices that have an inverse, in the last two axes; singular values of 1/2 to 2."""
    return _square(shape, "invertible")


def positive_definite(*shape: int) -> Entry:
    """Symmetric matrices, in the last two axes, whose eigenvalues are from 1/2 to 2."""
    return _square(shape, "positive definite")


def _square(shape: Shape, domain: str) -> Entry:
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"{domain} matrices are square in the last two axes, not of shape {shape}")
    return Entry(shape, domain)


def ordered(*shape: int) -> Entry:
    """Real numbers that ascend along the last axis, some of them equal."""
    return _rows(shape, "ordered")


def unit(*shape: int) -> Entry:
    """Vectors of length 1 along the last axis."""
    return _rows(shape, "unit")


def permutation(*shape: int) -> Entry:
    """Integers: each row holds 0, 1, 2, … in another order."""
    return _rows(shape, "permutation")


def mask(*shape: int) -> Entry:
    """Zeros and ones, with a one at least in each row."""
    return _rows(shape, "mask")


def _rows(shape: Shape, domain: str) -> Entry:
    if not shape or (domain == "mask" and not shape[-1]):
        raise ValueError(f"{domain} is a property of rows, and a shape of {shape} has none")
    return Entry(shape, domain)


@dataclass(frozen=True)
class Spec:
    """A layer with the arrays that it takes, by name, in the order of its `forward`.

    An optional argument that is left out is absent (None).
    """

    layer: Any
    entries: Mapping[str, Entry]


def spec(layer: Any, **entries: Entry) -> Spec:
    """A layer and its arrays, as keywords."""
    return Spec(layer, entries)


Rule: TypeAlias = Callable[[Draw, Shape], Spec]
Accepts: TypeAlias = Callable[..., Any]
"""accepts(layer, *arrays) → whether a layer takes the numbers that were drawn."""


@dataclass(frozen=True)
class CaseRule:
    """A layer's case strategy; which shapes of its first argument, dtypes and numbers it takes."""

    rule: Rule
    rank: tuple[int, int]
    empty: bool
    dtypes: tuple[str, ...] = DTYPES
    accepts: Accepts | None = None


class CaseRules(dict[type, CaseRule]):
    """Case strategies by layer type; an instance is the decorator that registers them.

    The harness draws x, the shape of the layer's first argument, with `rank` axes (inclusive), an
    axis of length 0 among them only if `empty`. The strategy then says what fits it. It may give
    the first argument another shape than x; such a case is not placed inside networks. A layer that
    takes one dtype only says so in `dtypes`.

    What depends on drawn numbers, such as lengths that fit a mask, `accepts` says: it is called as
    the twin is, accepts(layer, *arrays), with read-only arrays, None for an absent one. Where it
    returns False, another case is drawn.
    """

    def __call__(
        self,
        kind: type,
        *,
        rank: tuple[int, int] = (1, 4),
        empty: bool = True,
        dtypes: tuple[str, ...] = DTYPES,
        accepts: Accepts | None = None,
    ) -> Callable[[Rule], Rule]:
        def register(rule: Rule) -> Rule:
            if kind in self:
                raise ValueError(f"{kind.__name__} has two case strategies")
            self[kind] = CaseRule(rule, rank, empty, dtypes, accepts)
            return rule

        return register
