"""``python -m benchmarks.enclosures``: both sides of drawn networks against proved derivatives.

enclosures.csv   a row for each kind of layer that an argument enters first: entries with a proved
                 derivative, at a kink, undecided, under a convention; in ulps of the true value the
                 judge's bound and each side's distance from the proved interval (where the value
                 stands out from its bound, the `cancelled` ones do not); the greatest share of the
                 bound; entries beyond it. Noise is sampled until both sides are within, so that
                 the bounds are the least that the judge could have stated.
enclosures.json  the same for all, the precisions used, and how many distances lie inside of the
                 interval ("0") and up to each power of two of an ulp
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.attempt import attempt
from benchmarks.proved import SIDES, Gradient, Network, networks
from gradproof.storage.atomic import write_json, write_text
from gradproof.storage.environment import environment
from gradproof.subject.load import load_subject
from gradproof.witnesses.enclosure.enclose import available

ROOT = Path(__file__).parents[1]
_FINEST = -4
"""Distances below 2⁻⁴ ulp are counted together."""


def main(arguments: list[str] | None = None) -> int:
    """Draw the networks, write enclosures.csv and enclosures.json, and show the table.

    Returns   the exit status: 0, 1 when an entry lies outside of its bound, 2 when it could not run
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.enclosures", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports/judge", help="folder")
    parser.add_argument("--networks", type=int, default=500, help="how many to enclose")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.networks < 1 or options.seed < 0:
        parser.error("--networks is a number from 1 up, --seed one from 0 up")
    if not available():
        print(
            "enclosures: python-flint is missing; pip install 'gradproof[proof]'", file=sys.stderr
        )
        return 2

    def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        found = draw(options.networks, options.seed)
        table = rows(found)
        where = environment(ROOT, options.out.resolve())
        where["python-flint"] = version("python-flint")
        about = {"seed": options.seed, **summary(found), "environment": where}
        options.out.mkdir(parents=True, exist_ok=True)
        write_text(options.out / "enclosures.csv", as_csv(table))
        write_json(options.out / "enclosures.json", about)
        return table, about

    measured = attempt("enclosures", measure)
    if measured is None:
        return 2
    table, about = measured
    show(table)
    beyond = sum(about["beyond"].values())
    print(f"{beyond} entries are farther from the proved interval than their bound: {options.out}")
    return int(beyond > 0)


def draw(count: int, seed: int) -> list[Network]:
    """That many networks, with a bar of how many are done."""
    import torch
    from rich.console import Console
    from rich.progress import track

    torch.set_num_threads(1)
    drawn = islice(networks(load_subject(ROOT), seed), count)
    return list(track(drawn, "enclosing", total=count, console=Console(stderr=True)))


def rows(found: Sequence[Network]) -> list[dict[str, Any]]:
    """A row for each kind of layer whose arguments were differentiated for, and one for all."""
    gradients = [g for network in found for g in network.gradients]
    kinds = sorted({g.layer for g in gradients})
    table = [_row(kind, [g for g in gradients if g.layer == kind]) for kind in kinds]
    return [*table, _row("all", gradients)]


def _row(layer: str, gradients: Sequence[Gradient]) -> dict[str, Any]:
    clear = [g.proved & (g.true > g.bound) for g in gradients]
    allowed = [g.bound[c] / np.spacing(g.true[c]) for g, c in zip(gradients, clear, strict=True)]
    row: dict[str, Any] = {
        "layer": layer,
        "entries": sum(g.true.size for g in gradients),
        "proved": _count(g.proved for g in gradients),
        "kink": _count(g.kink for g in gradients),
        "undecided": _count(~g.decided for g in gradients),
        "convention": _count(g.convention for g in gradients),
        "cancelled": _count(g.proved & (g.true <= g.bound) for g in gradients),
        "bound_ulps_median": _quantile(allowed, 0.5),
    }
    for side in SIDES:
        ulps = [g.ulps(side) for g in gradients]
        row |= {f"{side}_ulps_{name}": _quantile(ulps, q) for name, q in _QUANTILES.items()}
        shares = [g.outside[side][g.proved] / g.bound[g.proved] for g in gradients]
        row[f"{side}_worst_share"] = _quantile(shares, 1.0)
        row[f"{side}_beyond"] = _count(g.beyond(side) for g in gradients)
    return row


_QUANTILES = {"median": 0.5, "99": 0.99, "max": 1.0}


def _count(masks: Iterable[Any]) -> int:
    return sum(int(mask.sum()) for mask in masks)


def _quantile(parts: Sequence[Any], q: float) -> float | None:
    values = np.concatenate([*parts, np.zeros(0)])
    return float(np.quantile(values, q)) if values.size else None


def summary(found: Sequence[Network]) -> dict[str, Any]:
    """Counts, precisions and the distribution of the distances over powers of two of an ulp."""
    gradients = [g for network in found for g in network.gradients]
    total = _row("all", gradients)
    counts = ("entries", "proved", "kink", "undecided", "convention", "cancelled")
    return {
        "networks": len(found),
        "refused": dict(Counter(n.refused for n in found if n.refused)),
        **{name: total[name] for name in counts},
        "beyond": {side: total[f"{side}_beyond"] for side in SIDES},
        "worst_share_of_the_bound": {side: total[f"{side}_worst_share"] for side in SIDES},
        "bits": {str(b): n for b, n in sorted(Counter(n.bits for n in found if n.bits).items())},
        "ulps": {
            side: _histogram(np.concatenate([g.ulps(side) for g in gradients])) for side in SIDES
        },
    }


def _histogram(ulps: Any) -> dict[str, int]:
    """How many lie inside of the interval ("0"), and up to each power of two above the last."""
    inside = int((ulps == 0).sum())
    powers = Counter(max(math.ceil(math.log2(u)), _FINEST) for u in ulps if u > 0)
    reached = range(_FINEST, max(powers, default=_FINEST) + 1)
    return {"0": inside, **{f"2^{power}": powers[power] for power in reached}}


def as_csv(table: Sequence[dict[str, Any]]) -> str:
    """Rows with the same columns as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def show(table: Sequence[dict[str, Any]]) -> None:
    """The table, on the terminal."""
    from rich.console import Console
    from rich.table import Table

    columns = ["layer", "proved", "kink", "undecided", "convention", "bound_ulps_median"]
    columns += [f"{side}_{what}" for side in SIDES for what in ("ulps_median", "beyond")]
    shown = Table(title="Distance from the proved interval, in ulps", title_justify="left")
    for i, name in enumerate(columns):
        shown.add_column(name.replace("_", " "), justify="right" if i else "left")
    for row in table:
        values = (row[name] for name in columns)
        shown.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in values))
    Console(width=None if Console().is_terminal else 120).print(shown)


if __name__ == "__main__":
    sys.exit(main())
