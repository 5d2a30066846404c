"""``python -m benchmarks.calibrate``: false alarms against sensitivity, for other bounds than C."""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from gradproof.errors import InputError

if TYPE_CHECKING:
    from benchmarks.noise_ratios import Measured

ROOT = Path(__file__).parents[1]
CS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
WORST = 10
"""Arrays that are named, those with the greatest errors in noise floors."""


@dataclass(frozen=True)
class Row:
    """One bound, C floors from so many samples, on all arrays of a dtype.

    alarms           arrays of right code that it flags
    smallest_caught  the relative error in a random entry from which on it is caught: the median of
                     a layer's cases, and of the layers
    """

    dtype: str
    cheap: int
    thorough: int
    c: int
    arrays: int
    alarms: int
    smallest_caught: float


def curve(measured: Sequence[Measured], cs: Sequence[int] = CS) -> list[Row]:
    """Every bound, by dtype and number of samples."""
    rows = []
    for dtype in sorted({m.dtype for m in measured}):
        those = [m for m in measured if m.dtype == dtype]
        for samples in those[0].floors:
            errors = [m.floors[samples] for m in those if m.depth != "planted"]
            floor = _of_the_median_layer(those, samples)
            for c in cs:
                alarms = sum(e > c for e in errors)
                rows.append(Row(dtype, *samples, c, len(errors), alarms, c * floor))
    return rows


def _of_the_median_layer(measured: Sequence[Measured], samples: tuple[int, int]) -> float:
    by_layer: dict[str, list[float]] = {}
    for m in measured:
        if m.depth == "planted":
            by_layer.setdefault(m.kind, []).append(m.floors[samples])
    return median([median(floors) for floors in by_layer.values()]) if by_layer else float("nan")


def run(options: argparse.Namespace) -> tuple[list[Measured], dict[str, Any]]:
    """Draw and measure; returns all that was measured, and what calibration.json says of it.

    Raises    InputError for an unknown layer
    """
    import torch
    from rich.console import Console
    from rich.progress import Progress

    from benchmarks.noise_ratios import measure
    from gradproof.storage.environment import environment
    from gradproof.subject.load import load_subject

    torch.set_num_threads(1)
    subject = load_subject(ROOT)
    names = [n for n in options.layers.split(",") if n] or list(subject.layers)
    unknown = [n for n in names if n not in subject.layers]
    if unknown:
        raise InputError(f"unknown layer {unknown[0]!r}; there are {', '.join(subject.layers)}")
    kinds = [subject.layers[n] for n in names]
    draws = [options.networks if k is subject.net else options.cases for k in kinds]
    measured: list[Measured] = []
    left_out, drawn = 0, {"networks": 0, "layer cases": 0}
    started = perf_counter()
    with Progress(console=Console(stderr=True)) as bar:
        line = bar.add_task("measuring", total=sum(draws))
        for kind, cases in zip(kinds, draws, strict=True):
            for found, left in measure(subject, kind, cases, options.seed):
                measured += found
                left_out += left
                drawn["networks" if kind is subject.net else "layer cases"] += 1
                bar.update(line, advance=1, description=kind.__name__)
    return measured, {
        "seed": options.seed,
        "counts": {
            **drawn,
            "arrays": sum(m.depth != "planted" for m in measured),
            "arrays left out": left_out,
            "planted errors": sum(m.depth == "planted" for m in measured),
        },
        "worst": worst(measured),
        "seconds": perf_counter() - started,
        "environment": environment(ROOT, options.out.resolve()),
    }


def worst(measured: Sequence[Measured]) -> dict[str, list[dict[str, Any]]]:
    """By dtype, the arrays with the greatest errors in noise floors, of all samples."""
    found: dict[str, list[dict[str, Any]]] = {}
    for dtype in sorted({m.dtype for m in measured}):
        those = [m for m in measured if m.dtype == dtype and m.depth != "planted"]
        those.sort(key=_with_all_samples, reverse=True)
        found[dtype] = [
            {"floors": _with_all_samples(m), "kind": m.kind, "depth": m.depth, "of": m.quantity}
            for m in those[:WORST]
        ]
    return found


def _with_all_samples(m: Measured) -> float:
    return m.floors[max(m.floors)]


def show(rows: Sequence[Row], about: dict[str, Any]) -> None:
    """The curve of all samples, on the terminal."""
    from rich.console import Console
    from rich.table import Table

    most = max((r.cheap, r.thorough) for r in rows)
    table = Table(title="With all samples of the noise", title_justify="left")
    for column in ("dtype", "C", "arrays", "flagged", "smallest error caught"):
        table.add_column(column, justify="left" if column == "dtype" else "right")
    for r in rows:
        if (r.cheap, r.thorough) == most:
            caught = f"{r.smallest_caught:.1e}"
            table.add_row(r.dtype, str(r.c), str(r.arrays), str(r.alarms), caught)
    console = Console(width=None if Console().is_terminal else 110)
    console.print(table)
    for dtype, those in about["worst"].items():
        w = those[0]
        where = f"{w['kind']} {w['of']}, {w['depth']}"
        console.print(f"{dtype}: at most {w['floors']:.2f} floors ({where})", highlight=False)


def write(out: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """calibration.csv and calibration.json in the folder `out`, each whole or not at all.

    Raises    OSError when the folder cannot be written to
    """
    from gradproof.storage.atomic import write_json, write_text

    out.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Row))
    writer.writerows(map(astuple, rows))
    write_text(out / "calibration.csv", text.getvalue())
    write_json(out / "calibration.json", about)


def main(arguments: list[str] | None = None) -> int:
    """Measure, show the curve of all samples and write every one.

    Returns   the exit status: 0, or 2 when it could not run
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument("--networks", type=int, default=300, help="networks to draw")
    parser.add_argument("--cases", type=int, default=40, help="cases of each layer to draw")
    parser.add_argument("--layers", default="", help="measure these alone: Linear,ReLU")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same")
    parser.add_argument("--out", type=Path, default=Path("reports/judge"), help="folder to write")
    options = parser.parse_args(arguments)
    if min(options.networks, options.cases) < 1 or options.seed < 0:
        parser.error("--networks and --cases are whole numbers from 1, --seed one from 0")
    # Before NumPy and torch load: with more, OpenBLAS and OpenMP take each other's cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    try:
        measured, about = run(options)
        rows = curve(measured)
        write(options.out, rows, about)
    except (ImportError, InputError) as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"calibrate: cannot write the figures: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("calibrate: interrupted; nothing was written", file=sys.stderr)
        return 2
    show(rows, about)
    print(f"figures: {options.out}/calibration.csv, calibration.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
