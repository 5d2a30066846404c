"""Seconds spent by activity."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Clock:
    """Seconds by activity: draw, manual, reference, judge. They may nest; time is exclusive."""

    def __init__(self) -> None:
        self.seconds = {"draw": 0.0, "manual": 0.0, "reference": 0.0, "judge": 0.0}
        self._now = ""
        self._since = 0.0

    @contextmanager
    def __call__(self, activity: str) -> Iterator[None]:
        outer = self._now
        self._turn(activity)
        try:
            yield
        finally:
            self._turn(outer)

    def _turn(self, activity: str) -> None:
        now = perf_counter()
        if self._now:
            self.seconds[self._now] += now - self._since
        self._now, self._since = activity, now
