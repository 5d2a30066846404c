"""What comes of it: a table on the terminal, rivals.csv and rivals.json, and a row of each bug."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.rivals import score, speed
from benchmarks.rivals.facts import Facts
from benchmarks.rivals.score import Alarms, Hunted
from benchmarks.rivals.speed import Seconds
from benchmarks.rivals.tools import Tool
from gradproof.storage.atomic import whole, write_json

ROWS = "rows/rivals-bugs.csv"
"""In the folder that --out names: what each checker said of each bug."""
SOURCES = ("catalogue", "mutant")
OURS, SLOW, FAST = "gradproof", "torch gradcheck, slow", "torch gradcheck, fast"

HOW = {
    "own": "kill rates on a checker's own idea of inputs: one N(0, 1) input in one shape with "
    "default options, in double precision; for gradproof the cases that it draws by default",
    "shared": "kill rates on cases drawn by gradproof in double precision, those in which the bug "
    "changes something, up to the first that is found",
    "found": "the checker passes the layer as it is and does not pass the wrong one, on one case",
    "alarm": "it rejects the wrong layer, and the right one on the same cases as well",
    "mutants": "wrong gradients made from right ones, a random sample of those that change some",
    "false alarms": "correct cases rejected, of those that the checker could be asked about",
    "seconds": "median processor time of a verdict on a Linear, the checkers taking turns",
}


@dataclass(frozen=True)
class Results:
    """All that was measured; seconds and alarms are by checker."""

    hunted: Sequence[Hunted]
    alarms: Mapping[str, Mapping[str, Alarms]]
    seconds: Seconds
    facts: Facts


def table(results: Results, tools: Sequence[Tool]) -> pd.DataFrame:
    """One row a checker; what was not measured is empty."""
    return pd.DataFrame([_row(results, tool) for tool in tools])


def _row(results: Results, tool: Tool) -> dict[str, Any]:
    row: dict[str, Any] = {"tool": tool.name, "note": "" if tool.installed else "not installed"}
    for source in SOURCES:
        hunted = [h for h in results.hunted if (h.tool, h.source) == (tool.name, source)]
        for inputs in ("own", "shared"):
            outcomes = [getattr(h, inputs) for h in hunted]
            found = outcomes.count("found")
            row[f"{source}_kill_rate_{inputs}"] = _share(found, len(outcomes))
            row[f"{source}_found_{inputs}"] = found if hunted else math.nan
            row[f"{source}_alarm_{inputs}"] = outcomes.count("alarm") if hunted else math.nan
        row[f"{source}_bugs"] = len(hunted) if hunted else math.nan
    for inputs, alarms in results.alarms.get(tool.name, {}).items():
        row[f"false_alarm_rate_{inputs}"] = _share(alarms.rejected, alarms.asked)
        row[f"false_alarms_{inputs}"] = alarms.rejected
        row[f"asked_{inputs}"] = alarms.asked
        row[f"not_applicable_{inputs}"] = alarms.failed
    for size, seconds in results.seconds.get(tool.name, {}).items():
        row[f"seconds_{size}_parameters"] = math.nan if seconds is None else seconds
    return row


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def times_faster(seconds: Seconds, rival: str) -> dict[int, float]:
    """How many times as fast as this checker gradproof is, by size."""
    ours, theirs = seconds.get(OURS, {}), seconds.get(rival, {})
    return {n: t / own for n, t in theirs.items() if t is not None and (own := ours.get(n))}


def goals(rows: pd.DataFrame, seconds: Seconds) -> dict[str, Any]:
    """What gradproof is to reach, what it reached, and whether that is enough."""
    found: dict[str, Any] = {}
    ours = rows[rows.tool == OURS]
    columns = [c for c in rows.columns if "kill_rate" in c or "false_alarm_rate" in c]
    for column in (c for c in columns if ours[c].notna().all()):
        best = rows[column].min() if "alarm" in column else rows[column].max()
        value = float(ours[column].iloc[0])
        level = [
            t for t, v in zip(rows.tool, rows[column], strict=True) if v == value and t != OURS
        ]
        found[f"first in {column}"] = {
            "gradproof": value,
            "reached": bool(value == best),
            "level with": level,
        }
    slow = times_faster(seconds, SLOW).get(5_000)
    if slow is not None:
        goal = f"500 times as fast as {SLOW} at 5000 parameters"
        found[goal] = {"times": slow, "reached": slow >= 500}
    fast = times_faster(seconds, FAST)
    if fast:
        reached = min(fast.values()) >= 3
        found[f"3 times as fast as {FAST} at every size"] = {"times": fast, "reached": reached}
    return found


def about(
    place: dict[str, Any],
    results: Results,
    tools: Sequence[Tool],
    rows: pd.DataFrame,
    seed: int,
) -> dict[str, Any]:
    """What stands in rivals.json; `place` is the environment."""
    jax = [t for t in tools if t.needs == "jax"]
    left_out = [
        f"{name} at {size} parameters: one verdict takes more than {speed.LIMIT_S:g} s"
        for name, by_size in results.seconds.items()
        for size, took in by_size.items()
        if took is None
    ]
    return {
        "environment": place,
        "jax": {n: version(n) for n in ("jax", "jaxlib")} if jax[0].installed else "not installed",
        "seed": seed,
        "counts": {
            "layers": len({h.kind for h in results.hunted}),
            **{
                source: len({h.bug for h in results.hunted if h.source == source})
                for source in SOURCES
            },
            "cases drawn of each layer": score.DRAWN,
            "shared cases for each bug, at most": score.SHOWN,
            "drawn cases of each correct layer": score.ALARM_DRAWN,
            "N(0, 1) cases of each correct layer": score.ALARM_ORDINARY,
            "batch when timed": speed.BATCH,
        },
        "how": HOW,
        "left out": left_out + [f"{t.name}: not installed" for t in tools if not t.installed],
        "goals": goals(rows, results.seconds),
        "facts": results.facts,
    }


def write(out: Path, results: Results, rows: pd.DataFrame, about: dict[str, Any]) -> None:
    """The three files, each whole or not at all.

    Raises    OSError when the folder cannot be written to
    """
    (out / ROWS).parent.mkdir(parents=True, exist_ok=True)
    bugs = pd.DataFrame(results.hunted, columns=list(Hunted.__annotations__))
    for name, frame in (("rivals.csv", rows), (ROWS, bugs)):
        with whole(out / name) as file:
            frame.to_csv(file, index=False)
    write_json(out / "rivals.json", about)


def show(rows: pd.DataFrame) -> None:
    """The rates and times, on the terminal."""
    shown = Table(title="Gradient checkers", title_justify="left")
    rates = [c for c in rows.columns if "_rate" in c]
    times = [c for c in rows.columns if c.startswith("seconds_")]
    for column in ("tool", *rates, *times):
        heading = column.replace("_rate", "").replace("seconds_", "ms, ").replace("_", " ")
        first = column == "tool"
        shown.add_column(heading, justify="left" if first else "right", no_wrap=first)
    for _, row in rows.iterrows():
        if row.note:
            shown.add_row(row.tool, row.note)
            continue
        cells: Iterable[str] = (
            *(_cell(row[c], "{:.0%}") for c in rates),
            *(_cell(1e3 * row[c], "{:.3g}") for c in times),
        )
        shown.add_row(row.tool, *cells)
    Console(width=None if Console().is_terminal else 160).print(shown)


def _cell(value: Any, form: str) -> str:
    return "–" if pd.isna(value) else form.format(value)
