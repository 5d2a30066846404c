"""Who hears of every answer: under pytest, the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Listener: TypeAlias = Callable[[Any], None]
LISTENERS: list[Listener] = []


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Within it the listener is called with the verdict of every check."""
    LISTENERS.append(listener)
    try:
        yield
    finally:
        LISTENERS.remove(listener)
