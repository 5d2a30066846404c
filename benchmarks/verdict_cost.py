"""``python -m benchmarks.verdict_cost``: what it costs to hear that a large layer agrees.

A verdict is held against one forward and backward of both sides on the same arrays, in one thread,
taking turns. Both dtypes are timed; the layers are those of manual/ and tests/outsiders.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).parents[1]
LEAST = 5
"""Rounds of each layer, at least."""
GOAL = 10.0


@dataclass(frozen=True)
class Row:
    """A layer: milliseconds of both sides and of a verdict, and how often the first go into it."""

    layer: str
    shape: str
    dtype: str
    verdict: str
    samples: int
    sides_ms: float
    verdict_ms: float
    ratio: float
    lower_quartile: float
    upper_quartile: float


def layers() -> Iterator[tuple[Any, Any]]:
    """(subject, spec) of each layer that is timed."""
    from gradproof import load_subject, real, spec
    from manual.layers.conv import Conv2d
    from tests.outsiders import SUBJECT as OUTSIDERS
    from tests.outsiders.attention import ScaledDotProductAttention
    from tests.outsiders.layer_norm import LayerNorm
    from tests.outsiders.lstm import LSTM

    own = load_subject(ROOT)
    weights = {"weight": real(16, 16, 3, 3), "bias": real(16)}
    yield own, spec(Conv2d(padding=(1, 1)), x=real(8, 16, 32, 32), **weights)
    heads = real(4, 8, 128, 64)
    yield OUTSIDERS, spec(ScaledDotProductAttention(), q=heads, k=heads, v=heads)
    n, t, d = 32, 8, 64
    weights = {"w": real(4 * d, d), "u": real(4 * d, d), "b": real(4 * d), "b2": real(4 * d)}
    yield OUTSIDERS, spec(LSTM(), x=real(n, t, d), h=real(n, d), c=real(n, d), **weights)
    yield (
        OUTSIDERS,
        spec(LayerNorm(), x=real(64, 128, 256), weight=real(256), bias=real(256)),
    )


def time_one(subject: Any, spec: Any, dtype: str, seconds: float) -> Row:
    """Both sides and the verdict, in turns."""
    from gradproof.cases.draw import make_case
    from gradproof.judge.clock import Clock
    from gradproof.judge.dispatch import judge
    from gradproof.oracle.layer import Oracle

    case = make_case(spec, dtype, ("normal", "normal", "normal"), "C", seed=1)
    case = case.with_dy(Oracle.of(subject.twin, case).y)
    judgement = judge(subject, case, Clock())  # which warms everything up, too
    rounds: list[tuple[float, float]] = []
    begun = perf_counter()
    while len(rounds) < LEAST or perf_counter() - begun < seconds:
        sides = _seconds(lambda: _both_sides(subject, case))
        rounds.append((sides, _seconds(lambda: judge(subject, case, Clock()))))
    ratios = [verdict / sides for sides, verdict in rounds]
    low, middle, high = quantiles(ratios, n=4)
    first = next(iter(case.arrays.values()))
    assert first is not None
    return Row(
        case.kind,
        "×".join(map(str, first.shape)),
        dtype,
        judgement.verdict,
        judgement.floors,
        1e3 * median(sides for sides, _ in rounds),
        1e3 * median(verdict for _, verdict in rounds),
        middle,
        low,
        high,
    )


def _both_sides(subject: Any, case: Any) -> None:
    """One forward and backward of the layer and of its twin."""
    import numpy as np

    from gradproof.cases.case import received, received_dy
    from gradproof.oracle.layer import Oracle
    from gradproof.subject import passes

    Oracle.of(subject.twin, case).pull(case.dy)
    with np.errstate(all="ignore"):
        ran = passes.forward(case.layer, received(case))
        passes.backward(case.layer, ran, received_dy(case))


def _seconds(run: Callable[[], Any]) -> float:
    begun = process_time()
    run()
    return process_time() - begun


def main(arguments: list[str] | None = None) -> int:
    """Time all, show the table and write it.

    Returns   the exit status: 0, or 1 where a verdict costs more than it should
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict_cost", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each layer and dtype")
    parser.add_argument("--out", type=Path, default=Path("reports/judge"), help="where to write")
    options = parser.parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"

    import torch

    from benchmarks.output import about, progress
    from gradproof.storage.atomic import now, write_json

    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [(*layer, dtype) for layer in layers() for dtype in ("float64", "float32")]
    rows = []
    with progress(len(chosen)) as advance:
        for subject, spec, dtype in chosen:
            advance(type(spec.layer).__name__)
            rows.append(time_one(subject, spec, dtype, options.seconds))
    print("layer, first shape, dtype: ms of both sides, ms of a verdict, ratio (quartiles)")
    for r in rows:
        print(
            f"{r.layer} {r.shape} {r.dtype}: {r.sides_ms:.1f}, {r.verdict_ms:.1f}, "
            f"{r.ratio:.1f} ({r.lower_quartile:.1f} to {r.upper_quartile:.1f}), {r.verdict}"
        )
    at = {"at": now(), "seconds": options.seconds, **about(ROOT)}
    write_json(options.out / "verdict_cost.json", {"about": at, "rows": [vars(r) for r in rows]})
    return int(any(r.ratio > GOAL or r.verdict != "agree" for r in rows))


if __name__ == "__main__":
    sys.exit(main())
