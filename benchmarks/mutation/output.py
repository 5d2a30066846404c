"""What comes of it: mutation.csv with every mutant that was not killed, and mutation.json."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from scipy.stats import binomtest

from benchmarks.mutation.mutated import Mutant
from gradproof.storage.atomic import whole, write_json

COLUMNS = ("module", "function", "change", "outcome", "review")
EQUIVALENT, ENDLESS = "equivalent: ", "endless: "


def reviews(out: Path) -> Mapping[str, str]:
    """What somebody found about survivors, by `name`: equivalent, endless (a kill), or a gap."""
    path = out / "mutation.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def name(mutant: Mutant) -> str:
    """How a review names it: other mutants may come and go, this one stays as it is."""
    return f"{mutant.module} {mutant.function} {mutant.change}"


def survivors(
    mutants: Sequence[Mutant], outcomes: Mapping[str, str], said: Mapping[str, str]
) -> pd.DataFrame:
    """One row for each that no test failed on, with its review."""
    rows = [
        (m.module, m.function, m.change, outcomes[m.key], said.get(name(m), "not reviewed"))
        for m in sorted(mutants, key=lambda m: m.key)
        if outcomes[m.key] != "killed"
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def score(drawn: int, left: pd.DataFrame) -> dict[str, Any]:
    """Killed of those drawn, and of those that are not equivalent, with intervals of 95 %.

    An endless loop counts as killed where a review says that it is one, other timeouts do not.
    """
    killed = drawn - len(left) + int(left["review"].str.startswith(ENDLESS).sum())
    equivalent = int(left["review"].str.startswith(EQUIVALENT).sum())
    return {
        "drawn": drawn,
        "killed": killed,
        "equivalent": equivalent,
        "by outcome": dict(Counter(left["outcome"])),
        "of all": _rate(killed, drawn),
        "of those that are not equivalent": _rate(killed, drawn - equivalent),
    }


def _rate(killed: int, drawn: int) -> dict[str, float]:
    interval = binomtest(killed, drawn).proportion_ci(method="wilson")
    return {"rate": killed / drawn, "low": float(interval.low), "high": float(interval.high)}


def write(out: Path, left: pd.DataFrame, about: dict[str, Any]) -> None:
    """Both files, each whole or not at all.

    Raises    OSError when the folder cannot be written to
    """
    out.mkdir(parents=True, exist_ok=True)
    with whole(out / "mutation.csv") as file:
        left.to_csv(file, index=False, lineterminator="\n")
    write_json(out / "mutation.json", about)


def show(left: pd.DataFrame, about: dict[str, Any]) -> None:
    """The survivors and the score, on the terminal."""
    console = Console(width=None if Console().is_terminal else 160, highlight=False)
    for row in left.itertuples(index=False):
        console.print(f"{row.outcome}: {row.module} {row.function}", markup=False)
        console.print(f"    {row.change}\n    {row.review}", markup=False)
    for which in ("of all", "of those that are not equivalent"):
        rate, low, high = (about["score"][which][n] for n in ("rate", "low", "high"))
        console.print(f"killed {which}: {rate:.1%} (95 % interval {low:.1%} to {high:.1%})")
