"""What the judge asks of a layer."""

from __future__ import annotations

from typing import Any, Protocol


class LayerLike(Protocol):
    """A differentiable function of arrays with a hand-written derivative.

    ``forward(*arrays) → (y, saved)`` and ``backward(saved, dy) → {argument: gradient}``.
    """

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...]]: ...

    def backward(self, saved: tuple[Any, ...], dy: Any) -> dict[str, Any]: ...

    def argument_kinds(self, count: int) -> dict[str, str]: ...
