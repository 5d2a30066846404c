"""What the judge asks of a layer."""

from __future__ import annotations

from typing import Annotated, Any, Protocol, TypeAlias

from gradproof.arrays import Array

# The kind of each argument of `forward`, written as its annotation.
Real: TypeAlias = Annotated[Array, "real"]  # input, has a gradient
Param: TypeAlias = Annotated[Array, "param"]  # learned, has a gradient
Index: TypeAlias = Annotated[Array, "index"]  # integer, has none
Buffer: TypeAlias = Annotated[Array, "buffer"]  # state or constant, has none


class Layer(Protocol):
    """A differentiable function of arrays with a hand-written derivative: a frozen dataclass.

    ``forward(*arrays) → (y, saved)`` and ``backward(saved, dy) → {argument: gradient}``.
    """

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...]]: ...

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]: ...
