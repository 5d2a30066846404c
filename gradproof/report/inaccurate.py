"""Where PyTorch is inaccurate, and the hand-written side is right: it fails no run, and is told."""

from __future__ import annotations

from dataclasses import dataclass

from gradproof.report.load import Run

MOST = 40


@dataclass(frozen=True)
class InaccurateRow:
    """One array of one kind of layer in one dtype.

    arrays             how often PyTorch was inaccurate in it
    shape              of the smallest of these; the values are those of its worst entry
    """

    kind: str
    quantity: str
    dtype: str
    arrays: int
    cause: str
    shape: str
    manual: str
    reference: str


def inaccurate(run: Run) -> list[InaccurateRow]:
    """The most frequent first, at most MOST."""
    part = run.agreement[run.agreement["verdict"] == "reference"]
    table = []
    for key, rows in part.groupby(["kind", "quantity", "dtype"]):
        smallest = rows.iloc[int(rows["size"].to_numpy().argmin())]
        kind, quantity, dtype = (str(k) for k in key)
        manual, reference = (f"{smallest[side]:.9g}" for side in ("manual", "reference"))
        said = str(smallest["cause"]), str(smallest["shape"]), manual, reference
        table.append(InaccurateRow(kind, quantity, dtype, len(rows), *said))
    return sorted(table, key=lambda r: (-r.arrays, r.kind, r.quantity))[:MOST]
