"""Seconds for a verdict as a layer grows. The checkers take turns, as those of `run` do."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.rivals.tools import Tool
from benchmarks.run import TURN_S
from gradproof.cases.case import Case
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from gradproof.subject.layer import named_arguments
from gradproof.subject.subject import Subject
from manual.layers.linear import Linear

SIZES = {50: (9, 5), 500: (24, 20), 5_000: (99, 50), 50_000: (249, 200)}
"""A Linear's parameters, and its inputs and outputs; the batch is 16."""
BATCH = 16
LIMIT_S = 20.0
"""A checker of which one verdict takes longer is left out from that size on."""
FEWEST_ROUNDS = 3
_LOOK_S = 0.1

Seconds = dict[str, dict[int, float | None]]


class TooSlow(Exception):
    """A verdict was broken off."""


def linear(subject: Subject, size: int) -> Case:
    """A Linear with so many parameters on N(0, 1) numbers, and its cotangent."""
    wide, out = SIZES[size]
    r = np.random.default_rng(size)
    shapes = {"x": (BATCH, wide), "weight": (out, wide), "bias": (out,)}
    arrays = {name: r.standard_normal(shape) for name, shape in shapes.items()}
    kinds = named_arguments(Linear(), list(arrays))
    case = Case(Linear(), arrays, kinds, "float64", hazards=("normal",) * 3)
    return judge(subject, case, Clock()).case


def speed(
    subject: Subject, tools: Sequence[Tool], seconds: float, advance: Callable[[str], None]
) -> Seconds:
    """Median processor time of a verdict by checker and size; None where it takes too long.

    seconds   for which the checkers take turns at each size, or until each had a few
    """
    found: Seconds = {tool.name: {} for tool in tools}
    for size in SIZES:
        advance(f"a verdict on {size} parameters")
        case = linear(subject, size)
        left = [t for t in tools if None not in found[t.name].values()]
        steps = {t.name: _steps_a_turn(t, case) for t in left}
        for tool in tools:
            found[tool.name][size] = None
        ready = [t for t in left if steps[t.name]]
        for name, times in _alternate(ready, case, steps, seconds).items():
            found[name][size] = median(times)
    return found


def _alternate(
    tools: list[Tool], case: Case, steps: dict[str, int], seconds: float
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {t.name: [] for t in tools}
    until, rounds = perf_counter() + seconds, 0
    while rounds < FEWEST_ROUNDS or perf_counter() < until:
        tools = tools[1:] + tools[:1]
        for tool in tools:
            times[tool.name].append(_turn(tool, case, steps[tool.name]))
        rounds += 1
    return times


def _steps_a_turn(tool: Tool, case: Case) -> int:
    """How many verdicts fill a turn; 0 if one alone takes too long."""
    try:
        with _limit(LIMIT_S):
            _turn(tool, case, 1)  # warm, so that nothing is counted that happens once
    except TooSlow:
        return 0
    return math.ceil(TURN_S / _turn(tool, case, 1))


def _turn(tool: Tool, case: Case, steps: int) -> float:
    start = process_time()
    for _ in range(steps):
        tool.rejects(replace(case))  # a case remembers what it was asked
    return (process_time() - start) / steps


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raises TooSlow in what takes more processor time.

    A timer of processor time would make `process_time` as coarse as the kernel's own ticks.
    """
    until = process_time() + seconds

    def look(*_: Any) -> None:
        if process_time() > until:
            raise TooSlow

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_S, _LOOK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
