"""Every disagreement, grouped by the layer that is blamed, with its counterexamples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from textwrap import shorten
from typing import Any

import pandas as pd

from gradproof.report.format import anchor
from gradproof.report.load import Run
from gradproof.report.tables import BAD, worst

WORST_ROWS = 8  # arrays shown per layer; agreement.csv has them all
OTHER = "Other"


@dataclass(frozen=True)
class Counterexample:
    """A saved case: its message, and the files that lie beside the report."""

    anchor: str
    stem: str
    summary: str
    text: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """What disagrees in one layer kind."""

    kind: str
    anchor: str
    arrays: int
    examples: int
    worst: float
    depths: str
    quantities: str
    dtypes: str
    causes: str
    rows: list[dict[str, Any]]
    counterexamples: list[Counterexample]


def findings(run: Run) -> list[Finding]:
    """One per layer kind that disagrees, the likeliest culprit first.

    A fault is placed where a layer disagrees in isolation: what disagrees only chained or free
    may be its consequence and comes later.
    """
    bad = run.agreement[run.agreement["verdict"].isin(BAD)]
    owners = _owners(run, bad)
    found = [_finding(run, str(kind), rows, owners) for kind, rows in bad.groupby("kind")]
    isolated = bad.loc[bad["depth"] == "isolated", "kind"].value_counts()
    found.sort(key=lambda f: (-int(isolated.get(f.kind, 0)), -f.arrays, f.kind))
    rest = [_counterexample(run, stem) for stem, kind in owners.items() if kind == OTHER]
    if rest:
        found.append(
            Finding(
                kind=OTHER,
                anchor="disagree-other",
                arrays=0,
                examples=0,
                worst=float("nan"),
                depths="",
                quantities="",
                dtypes="",
                causes="",
                rows=[],
                counterexamples=rest,
            )
        )
    return found


def _owners(run: Run, bad: pd.DataFrame) -> dict[str, str]:
    """Whose counterexample each one is: as a row says, or else as its name begins."""
    owners: dict[str, str] = {}
    for counterexample, kind in zip(bad["counterexample"], bad["kind"], strict=True):
        if counterexample:
            owners.setdefault(PurePosixPath(counterexample).stem, str(kind))
    kinds = set(bad["kind"])
    for stem in run.messages:
        kind = stem.split("-")[0]
        owners.setdefault(stem, kind if kind in kinds else OTHER)
    return owners


def _finding(run: Run, kind: str, rows: pd.DataFrame, owners: dict[str, str]) -> Finding:
    shown = rows.assign(
        alone=rows["depth"] == "isolated", far=rows["worst_ratio"].fillna(float("inf"))
    )
    shown = shown.sort_values(["alone", "far"], ascending=False, kind="stable").head(WORST_ROWS)
    records = [{str(k): v for k, v in r.items()} for r in shown.to_dict("records")]
    return Finding(
        kind=kind,
        anchor=f"disagree-{anchor(kind)}",
        arrays=len(rows),
        examples=rows["example"].nunique(),
        worst=worst(rows["worst_ratio"]),
        depths=_list(rows["depth"]),
        quantities=_list(rows["quantity"]),
        dtypes=_list(rows["dtype"]),
        causes=_list(rows["cause"]),
        rows=[r | {"message": _message(str(r["counterexample"]))} for r in records],
        counterexamples=[
            _counterexample(run, stem) for stem, owner in owners.items() if owner == kind
        ],
    )


def _message(counterexample: str) -> str:
    """The fragment of a counterexample's message; "" where an array has none."""
    return f"counterexample-{anchor(PurePosixPath(counterexample).stem)}" if counterexample else ""


def _counterexample(run: Run, stem: str) -> Counterexample:
    text = run.messages.get(stem, "").rstrip()
    files = sorted(p.name for p in (run.folder / "counterexamples").glob(f"{stem}.*"))
    lines = text.splitlines()
    return Counterexample(
        anchor=f"counterexample-{anchor(stem)}",
        stem=stem,
        summary=shorten(lines[0], 160, placeholder=" …") if lines else stem,
        text=text or "No message was saved with this counterexample.",
        files=tuple(f"counterexamples/{name}" for name in files),
    )


def _list(values: pd.Series[Any]) -> str:
    """The distinct values, most frequent first."""
    return ", ".join(str(v) for v in values[values != ""].value_counts().index[:6])
