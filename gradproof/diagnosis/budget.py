"""The time that the search for one cause may take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from gradproof.errors import Stop

SECONDS = 5.0
"""For the cause of one disagreement, where somebody waits for it."""
_until = math.inf


class TimeIsUp(Stop):
    """The search took too long."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Within it `check` raises TimeIsUp once so many seconds have passed."""
    global _until  # noqa: PLW0603  (one search at a time)
    before, _until = _until, min(_until, perf_counter() + seconds)
    try:
        yield
    finally:
        _until = before


@contextmanager
def most_of_it() -> Iterator[None]:
    """Within it two thirds of the time that is left may be used: others want to be asked, too."""
    with limited((_until - perf_counter()) * 2 / 3):
        yield


def check() -> None:
    """Raise TimeIsUp if the time is up."""
    if perf_counter() > _until:
        raise TimeIsUp
