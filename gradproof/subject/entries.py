"""What a case strategy returns: a layer, the arrays it takes and which values are valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Draw: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Entry:
    """An array to be drawn: its shape and the domain of its values.

    domain    "real": any number
              "positive": above zero;  "uniform": low ≤ value ≤ high, both ends drawn on purpose
              "index": an integer, low ≤ value < high, or `also`
              "choice": one of `values`
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


@dataclass(frozen=True)
class CaseRule:
    """A layer's case strategy and which shapes of its first argument it takes."""

    rule: Rule
    rank: tuple[int, int]
    empty: bool


class CaseRules(dict[type, CaseRule]):
    """Case strategies by layer type; an instance is the decorator that registers them.

    The harness draws x, the shape of the layer's first argument, with `rank` axes (inclusive), an
    axis of length 0 among them only if `empty`. The strategy then says what fits it. It may give
    the first argument another shape than x; such a case is not placed inside networks.
    """

    def __call__(
        self, kind: type, *, rank: tuple[int, int] = (1, 4), empty: bool = True
    ) -> Callable[[Rule], Rule]:
        def register(rule: Rule) -> Rule:
            if kind in self:
                raise ValueError(f"{kind.__name__} has two case strategies")
            self[kind] = CaseRule(rule, rank, empty)
            return rule

        return register
