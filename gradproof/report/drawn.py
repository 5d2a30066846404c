"""The distribution of what was generated: a pass means little before one knows of what."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from gradproof.report.load import Run

WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256)


@dataclass(frozen=True)
class Chart:
    """A bar chart of counts: `bars` are (label, count, share of the longest bar)."""

    title: str
    note: str
    bars: list[tuple[str, int, float]]
    total: int


def charts(run: Run) -> list[Chart]:
    """Depth, width, features, hazards and dtypes of the drawn examples."""
    every = run.examples
    networks = every[every["source"] == "network"]
    sizes = pd.cut(networks["parameters"], [-1, 0, 10, 100, 1000, 10_000, float("inf")])
    names = ["0", "1–10", "11–100", "101–1,000", "1,001–10,000", "more"]
    parameters = sizes.cat.rename_categories(names).value_counts(sort=False)
    found = [
        _chart("Depth of networks", "layers in a network", _ordered(networks["depth"])),
        _chart("Widest axis of networks", "entries, up to and including", _widths(networks)),
        _chart("Parameters of networks", "learned entries", parameters),
        _chart("Features of networks", "a network can have several", _words(networks["features"])),
        _chart("Hazards", "in all cases; a case can have several", _words(every["hazards"])),
        _chart("Dtypes", "of all cases", every["dtype"].value_counts()),
    ]
    return [c for c in found if c.bars]


def _chart(title: str, note: str, counts: pd.Series[int]) -> Chart:
    pairs = [(str(k), int(v)) for k, v in counts.items()]
    longest = max((v for _, v in pairs), default=0) or 1
    bars = [(label, n, n / longest) for label, n in pairs]
    return Chart(title, note, bars, sum(n for _, n in pairs))


def _ordered(values: pd.Series[int]) -> pd.Series[int]:
    return values.value_counts().sort_index()


def _widths(networks: pd.DataFrame) -> pd.Series[int]:
    widest = networks["width_max"]
    edges = [-1, *(w for w in WIDTHS if w < widest.max()), float("inf")] if len(widest) else []
    if len(edges) < 3:
        return _ordered(widest)
    labels = [f"{int(e)}" for e in edges[1:-1]] + ["more"]
    return pd.cut(widest, edges, labels=labels).value_counts(sort=False)


def _words(values: pd.Series[str]) -> pd.Series[int]:
    """How many rows hold each word; a row without one counts as "none"."""
    split = values.map(lambda text: sorted(set(text.split())) or ["none"])
    return split.explode().value_counts()
