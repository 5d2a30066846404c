"""Timing: the sides take turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter, process_time

import numpy as np
import torch

from benchmarks.dense import NETWORKS, Dense
from benchmarks.sides import SIDES, Side

PLAN = tuple((dense, dtype) for dense in NETWORKS for dtype in (np.float64, np.float32))
FEWEST_ROUNDS = 5
TURN_S = 0.005
"""A turn takes as many steps as fill this: long beside the clock, short beside disturbances."""


@dataclass(frozen=True)
class Row:
    """One network in one dtype. Times are medians; ratios are medians of each round's ratio."""

    network: str
    batch: int
    dtype: str
    goal: float
    times_nn: float
    times_nn_lower_quartile: float
    times_nn_upper_quartile: float
    times_functional: float
    matmul_share: float
    manual_us: float
    nn_us: float
    functional_us: float
    matmul_us: float
    rounds: int


def run(seconds: float, advance: Callable[[str], None]) -> list[Row]:
    """Time the whole plan; `advance` is called with a name before each part of it."""
    torch.set_num_threads(1)
    rows = []
    for dense, dtype in PLAN:
        advance(f"{dense.name}, {dtype.__name__}")
        sides = {name: side(dense, dtype) for name, side in SIDES.items()}
        rows.append(_row(dense, dtype.__name__, alternate(sides, seconds)))
    return rows


def alternate(sides: Mapping[str, Side], seconds: float) -> list[dict[str, float]]:
    """Seconds a step by side, round by round; each round starts with another side."""
    order = list(sides)
    steps = {name: _steps_a_turn(sides[name]) for name in order}
    rounds: list[dict[str, float]] = []
    until = perf_counter() + seconds
    while len(rounds) < FEWEST_ROUNDS or perf_counter() < until:
        order = order[1:] + order[:1]
        rounds.append({name: _turn(sides[name], steps[name]) for name in order})
    return rounds


def _steps_a_turn(side: Side) -> int:
    _turn(side, 3)  # warm, so that nothing is counted that happens once
    return math.ceil(TURN_S / _turn(side, 3))


def _turn(side: Side, steps: int) -> float:
    """Processor time a step: with one thread a clock's, less what other programs take."""
    start = process_time()
    for _ in range(steps):
        side.step()
    return (process_time() - start) / steps


def _row(dense: Dense, dtype: str, rounds: Sequence[Mapping[str, float]]) -> Row:
    def ratio(over: str, under: str) -> list[float]:
        return [r[over] / r[under] for r in rounds]

    times_nn = ratio("nn", "manual")
    lower, _, upper = quantiles(times_nn, n=4)
    us = {name: 1e6 * median(r[name] for r in rounds) for name in SIDES}
    return Row(
        dense.name,
        dense.batch,
        dtype,
        dense.goal,
        median(times_nn),
        lower,
        upper,
        median(ratio("functional", "manual")),
        median(ratio("matmul", "manual")),
        us["manual"],
        us["nn"],
        us["functional"],
        us["matmul"],
        len(rounds),
    )
