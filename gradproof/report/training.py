"""Loss trajectories: both sides' loss, and their divergence beside its null."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from gradproof.report import charts
from gradproof.report.load import Run
from gradproof.report.tables import BAD

WHOLE = "loss"  # the layer name of the rows that are about the whole network
POINTS = 60
PANELS = 120
# Sizes in half pixels, so that whole numbers place a line finely enough.
LEFT, RIGHT = 84, 434
LOSS, DIVERGENCE = (16, 150), (182, 316)
FLOOR, CEILING = 1e-18, 1e2
MARKS = ((1.0, "1"), (1e-8, "1e-8"), (1e-16, "1e-16"))


@dataclass(frozen=True)
class Line:
    """A curve; its name is its class in the page's style."""

    name: str
    path: str


@dataclass(frozen=True)
class Panel:
    """One dataset, network and optimiser: loss above, divergence below."""

    optimizer: str
    loss: list[Line]
    divergence: list[Line]
    ticks: list[tuple[float, str]]  # y and label
    log: bool
    bad: bool
    summary: str


@dataclass(frozen=True)
class Group:
    """The panels of one network on one data set."""

    dataset: str
    network: str
    panels: list[Panel]


@dataclass(frozen=True)
class TrainingRow:
    """One trajectory in figures; `excess` is the greatest divergence over its null."""

    dataset: str
    network: str
    optimizer: str
    mode: str
    steps: int
    loss_manual: float
    loss_reference: float
    divergence: float
    null: float
    excess: float
    layer: str  # where the divergence is greatest
    disagreements: int
    metric: str
    manual: float
    reference: float


def table(run: Run) -> list[TrainingRow]:
    """One row per data set, network, optimiser and mode."""
    scores = {
        tuple(str(s.get(k)) for k in ("dataset", "network", "optimizer", "mode")): s
        for s in run.info.get("accuracy") or []
    }
    found = []
    keys = ["dataset", "network", "optimizer", "mode"]
    for key, rows in run.trajectories.groupby(keys, sort=False):
        dataset, network, optimizer, mode = (str(k) for k in key)
        whole = _whole(rows)
        layers = rows[rows["layer"] != WHOLE]
        last = rows[rows["step"] == rows["step"].max()]
        excess = rows["divergence"] / rows["null_divergence"].where(rows["null_divergence"] > 0)
        farthest = layers["divergence"].fillna(math.inf).to_numpy()
        score = scores.get((dataset, network, optimizer, mode), {})
        found.append(
            TrainingRow(
                dataset=dataset,
                network=network,
                optimizer=optimizer,
                mode=mode,
                steps=rows["step"].nunique(),
                loss_manual=float(whole["loss_manual"].iloc[-1]),
                loss_reference=float(whole["loss_reference"].iloc[-1]),
                divergence=_greatest(last["divergence"]),
                null=_greatest(last["null_divergence"]),
                excess=_greatest(excess),
                layer=str(layers["layer"].iloc[farthest.argmax()]) if len(layers) else "–",
                disagreements=int(rows["verdict"].isin(BAD).sum()),
                metric=str(score.get("metric", "")),
                manual=_number(score.get("manual")),
                reference=_number(score.get("reference")),
            )
        )
    return found


def _greatest(values: pd.Series[Any]) -> float:
    return float(values.max()) if values.notna().any() else math.nan


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def groups(run: Run) -> tuple[list[Group], int]:
    """The panels, and how many more there would have been."""
    found: dict[tuple[str, str], list[Panel]] = {}
    keys = run.trajectories.groupby(["dataset", "network", "optimizer"], sort=False)
    points = max(20, min(POINTS, POINTS * 66 // max(1, keys.ngroups)))
    for n, (key, rows) in enumerate(keys):
        if n < PANELS:
            dataset, network, optimizer = (str(k) for k in key)
            panel = _panel(optimizer, rows, points)
            found.setdefault((dataset, network), []).append(panel)
    left_out = max(0, keys.ngroups - PANELS)
    return [Group(d, n, panels) for (d, n), panels in found.items()], left_out


def _panel(optimizer: str, rows: pd.DataFrame, points: int) -> Panel:
    modes = {str(mode): _whole(own) for mode, own in rows.groupby("mode", sort=False)}
    last = max(1, int(rows["step"].max()))
    apart = modes.get("free", next(iter(modes.values())))
    both = apart[["loss_reference", "loss_manual"]].to_numpy(dtype=float)
    finite = both[np.isfinite(both)]
    log = bool(finite.size) and bool(finite.min() > 0)
    low, high = _range(finite, log)
    loss = [
        Line(name, _path(apart["step"], apart[column], last, (low, high), LOSS, points, log=log))
        for name, column in (("reference", "loss_reference"), ("manual", "loss_manual"))
    ]
    limits = (FLOOR, CEILING)
    lines = []
    for mode, whole in modes.items():
        where = (last, limits, DIVERGENCE, points)
        if mode == "free" or "free" not in modes:
            lines.append(Line("null", _path(whole["step"], whole["null_divergence"], *where)))
        lines.append(Line(mode, _path(whole["step"], whole["divergence"], *where)))
    ends = both[-1] if len(both) else np.full(2, math.nan)
    return Panel(
        optimizer=optimizer,
        loss=loss,
        divergence=lines,
        ticks=[
            (LOSS[0], f"{high:.2g}"),
            (LOSS[1], f"{low:.2g}"),
            *((_height(value), label) for value, label in MARKS),
        ],
        log=log,
        bad=bool(rows["verdict"].isin(BAD).any()),
        summary=f"{optimizer}, {last} steps: final loss manual {ends[1]:.6g}, "
        f"reference {ends[0]:.6g}",
    )


def _height(divergence: float) -> int:
    share = math.log(divergence / FLOOR) / math.log(CEILING / FLOOR)
    return round(DIVERGENCE[1] - share * (DIVERGENCE[1] - DIVERGENCE[0]))


def _whole(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per step: the network's own, or else the step's greatest divergence."""
    own = rows[rows["layer"] == WHOLE]
    if len(own):
        return own
    steps = rows.groupby("step")
    whole = steps.first()
    for name in ("divergence", "null_divergence"):
        whole[name] = steps[name].max()
    return whole.reset_index()


def _range(values: charts.Values, log: bool) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if low == high:
        return (low / 2, high * 2) if log else (low - 1, high + 1)
    return low, high


def _path(
    steps: pd.Series[int],
    values: pd.Series[float],
    last: int,
    limits: tuple[float, float],
    band: tuple[int, int],
    points: int,
    *,
    log: bool = True,
) -> str:
    """A line through at most `points` of the values: of each stretch its greatest and its end.

    A stretch's greatest value is kept so that thinning out never hides a divergence.
    """
    x = steps.to_numpy(dtype=float)
    y = values.to_numpy(dtype=float)
    keep = _thinned(y, points)
    x, y = x[keep], np.clip(y[keep], *limits)
    scale = np.log if log else np.asarray
    low, high = (float(scale(v)) for v in limits)
    px = np.rint(LEFT + x / last * (RIGHT - LEFT)).astype(int)
    py = np.rint(band[1] - (scale(y) - low) / (high - low) * (band[1] - band[0]))
    path, before = "", None
    for x_, y_ in zip(px.tolist(), py.tolist(), strict=True):
        if not math.isfinite(y_):
            before = None
            continue
        here = (x_, int(y_))
        path += f"l{x_ - before[0]} {here[1] - before[1]}" if before else f"M{x_} {here[1]}"
        before = here
    return path


def _thinned(y: charts.Values, points: int) -> Sequence[int]:
    if len(y) <= points:
        return range(len(y))
    edges = np.linspace(0, len(y) - 1, points // 2).astype(int)
    keep = {0, *edges.tolist()}
    for start, stop in pairwise(edges):
        stretch = np.nan_to_num(y[start:stop], nan=-np.inf, posinf=np.inf)
        keep.add(int(start) + int(np.argmax(stretch)))
    return sorted(keep)
