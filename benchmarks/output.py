"""What the timings look like: progress and a table on the terminal, CSV and Markdown in files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.run import Row
from gradproof.storage.atomic import write_text
from gradproof.storage.environment import environment

COLUMNS = (
    "network",
    "batch",
    "dtype",
    "goal",
    "nn + optim",
    "quartiles",
    "functional",
    "matmul",
    "by hand, µs",
)

READING = """\
One training step (forward, backward, SGD) in one thread, written by hand and by PyTorch.
`nn + optim` is torch's modules with `torch.optim.SGD`, `functional` the leanest torch, with an
update in place. Both columns say how many times as fast the step by hand is: above 1× it is the
faster. The bare matrix products in NumPy take the share `matmul` of it. No side computes the
gradient of the data.

The sides take turns; a figure is the median of the rounds' ratios, with quartiles for `nn + optim`.
Times are processor time.
"""


@contextmanager
def progress(parts: int) -> Iterator[Callable[[str], None]]:
    """A bar of the parts begun; yields what announces the next one."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        line = bar.add_task("timing", total=parts, completed=-1)

        def advance(name: str) -> None:
            bar.update(line, advance=1, description=name)

        yield advance
        bar.update(line, advance=1)


def about(root: Path) -> dict[str, Any]:
    """Where the timings were taken: what matters to them of `gradproof.environment`."""
    names = ("python", "numpy", "torch", "scipy", "blas", "threads", "cpu", "cores", "platform")
    everything = environment(root)
    return {name: everything[name] for name in (*names, "commit")}


def show(rows: Sequence[Row]) -> None:
    """The table, on the terminal."""
    table = Table(title="One training step: times as fast as torch", title_justify="left")
    for i, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if i else "left")
    for row in rows:
        table.add_row(*_cells(row))
    Console(width=None if Console().is_terminal else 120).print(table)


def write(out: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """bench.csv and bench.md in the folder `out`, each whole or not at all.

    Raises    OSError when the folder cannot be written to
    """
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "bench.csv", _csv(rows))
    write_text(out / "bench.md", _markdown(rows, about))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.network,
        str(row.batch),
        row.dtype,
        f"≥ {row.goal:g}×",
        f"{row.times_nn:.2f}×",
        f"{row.times_nn_lower_quartile:.2f}–{row.times_nn_upper_quartile:.2f}",
        f"{row.times_functional:.2f}×",
        f"{row.matmul_share:.0%}",
        f"{row.manual_us:.1f}",
    )


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Row))
    writer.writerows(map(astuple, rows))
    return text.getvalue()


def _markdown(rows: Sequence[Row], about: dict[str, Any]) -> str:
    lines = ["# One training step, by hand and by PyTorch", "", READING]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|---" + "|---:" * (len(COLUMNS) - 1) + "|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    lines += ["", *(f"- {name}: {value}" for name, value in about.items()), ""]
    return "\n".join(lines)
