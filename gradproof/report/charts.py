"""The geometry of the pictures; the templates turn it into SVG, so that all text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Values: TypeAlias = np.ndarray[Any, np.dtype[Any]]

# Bins of |manual − reference| / bound: none at all, then half decades up to the bound, then over.
EDGES = (0.0, *(10.0 ** (k / 2) for k in range(-8, 1)), 10.0, math.inf)
TICKS = ("", "1e-4", "3e-4", "1e-3", "3e-3", "0.01", "0.03", "0.1", "0.3", "1", "10")
OVER = 10  # the first bin that lies over the bound
BLOCKS = "▁▂▃▄▅▆▇█"
BAR, TALL = 8, 18  # the style sheet has the same sizes


def binned(ratios: Values) -> Values:
    """How many ratios fall into each bin; a bin includes its upper edge, NaN is over."""
    filled = np.where(np.isnan(ratios), np.inf, ratios)
    place = np.searchsorted(np.asarray(EDGES), filled, side="left")
    return np.bincount(np.minimum(place, len(EDGES) - 1), minlength=len(EDGES))


@dataclass(frozen=True)
class Histogram:
    """A small histogram of ratios, counts on a log scale so that one outlier is seen."""

    inside: str  # path of the bars up to the bound: strokes from the base line up
    over: str  # path of the bars beyond it
    blocks: str  # the same in block characters, for Markdown


def histogram(ratios: Values) -> Histogram:
    """The ratios of one layer, BAR pixels a bin and TALL pixels high."""
    counts = binned(ratios)
    top = math.log1p(counts.max(initial=1))
    paths = {False: "", True: ""}
    blocks = ""
    for i, n in enumerate(counts):
        tall = math.log1p(n) / top
        blocks += BLOCKS[round(tall * (len(BLOCKS) - 1))] if n else "·"
        if n:
            paths[i >= OVER] += f"M{BAR * i + BAR // 2} {TALL}v-{max(2, round(tall * TALL))}"
    return Histogram(paths[False], paths[True], blocks)


@dataclass(frozen=True)
class Bar:
    """One bar: a bin of one dtype (`series` counts them)."""

    x: float
    y: float
    width: float
    height: float
    series: int
    over: bool
    count: int


@dataclass(frozen=True)
class Bars:
    """The histogram of all ratios, by dtype, with its axis."""

    width: int
    height: int
    base: float
    bars: list[Bar]
    ticks: list[tuple[float, str]]
    series: list[str]
    bound: float


def errors(rows: pd.DataFrame, dtypes: Sequence[str]) -> Bars:
    """All judged arrays by error in units of the bound, counts on a log scale."""
    width, height, base = 900, 230, 200.0
    step = width / len(EDGES)
    each = (step - 14) / max(1, len(dtypes))
    table = [binned(rows.loc[rows["dtype"] == d, "worst_ratio"].to_numpy()) for d in dtypes]
    top = math.log1p(max((int(c.max()) for c in table), default=1) or 1)
    bars = []
    for series, counts in enumerate(table):
        for i, n in enumerate(counts):
            if n:
                high = max(2.0, math.log1p(n) / top * (base - 24))
                x = round(i * step + 7 + series * each, 1)
                y, w, h = round(base - high, 1), round(each - 2, 1), round(high, 1)
                bars.append(Bar(x, y, w, h, series, i >= OVER, int(n)))
    ticks = [(round(step / 2, 1), "equal")]
    ticks += [(round((i + 1) * step, 1), TICKS[i]) for i in range(1, len(TICKS))]
    return Bars(width, height, base, bars, ticks, list(dtypes), round(OVER * step, 1))


# Cells of the heat map: up to and including each of these, then over the bound.
LEVELS = (0.01, 0.03, 0.1, 0.3, 1.0)
LEVEL_NAMES = ("≤ 0.01", "≤ 0.03", "≤ 0.1", "≤ 0.3", "≤ 1", "> 1 disagrees")
SIDES = (4, 6, 8, 10, 12)  # a larger square for a larger error; the style sheet has them too
CELL = 14
COLUMNS = 24


@dataclass(frozen=True)
class HeatMap:
    """Layer kinds by networks in the order drawn; one path per level of worst ratio."""

    width: int
    height: int
    left: int
    top: int
    kinds: list[tuple[float, str]]  # y of the label
    columns: list[tuple[float, str]]  # x of the label, number of the first network
    levels: list[tuple[str, str]]  # name, path
    legend: list[tuple[float, str, str]]  # x, name, path of one cell
    networks: int
    per_column: int


def heat_map(judged: pd.DataFrame, networks: pd.Series[str]) -> HeatMap | None:
    """Worst ratio of each layer kind in consecutive groups of networks; None without networks."""
    rows = judged[judged["example"].isin(networks)]
    if not len(rows):
        return None
    each = math.ceil(len(networks) / COLUMNS)
    column = pd.Series(np.arange(len(networks)) // each, index=networks.to_numpy())
    cells = (
        rows["worst_ratio"].fillna(math.inf).groupby([rows["kind"], rows["example"].map(column)])
    )
    worst = cells.max()
    kinds = sorted({str(kind) for kind, _ in worst.index.tolist()}, key=str.lower)
    left, top = 8 * max(map(len, kinds)) + 12, 22
    row = {kind: i for i, kind in enumerate(kinds)}
    paths = [""] * len(LEVEL_NAMES)
    for (kind, at), ratio in zip(worst.index.tolist(), worst.tolist(), strict=True):
        level = int(np.searchsorted(LEVELS, ratio))
        paths[level] += _cell(left + int(at) * CELL, top + row[kind] * CELL, level)
    columns = math.ceil(len(networks) / each)
    bottom = top + len(kinds) * CELL
    marks = range(0, columns, max(1, columns // 6))
    legend = [(left + 110 * i, name, "") for i, name in enumerate(LEVEL_NAMES)]
    return HeatMap(
        width=left + max(columns * CELL, 110 * len(LEVEL_NAMES)) + 10,
        height=bottom + 40,
        left=left,
        top=top,
        kinds=[(top + (i + 0.5) * CELL, kind) for i, kind in enumerate(kinds)],
        columns=[(left + i * CELL, f"{i * each + 1:,}") for i in marks],
        levels=list(zip(LEVEL_NAMES, paths, strict=True)),
        legend=[(x, name, _cell(x, bottom + 14, i)) for i, (x, name, _) in enumerate(legend)],
        networks=len(networks),
        per_column=each,
    )


def _cell(x: float, y: float, level: int) -> str:
    """A square, drawn as a stroke as wide as it is long; a cross beyond the bound."""
    if level < len(SIDES):
        side = SIDES[level]
        return f"M{x + (CELL - side) // 2:g} {y + CELL // 2:g}h{side}"
    return f"M{x + 2:g} {y + 2:g}l10 10m0-10l-10 10"
