"""``python -m benchmarks.torch_accuracy``: where PyTorch's own gradients are not accurate.

Every element-wise function that this project has a twin for is swept over ±1e-8 … ±1e3 and the
half-integers up to 6, in both dtypes, and autograd's gradient held against the proved interval.
torch.csv lists, for each function and dtype, the worst point if it is more than 100 ulps off; and
the points where the one-sided derivatives differ, with the one that PyTorch takes by convention.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.attempt import attempt
from benchmarks.enclosures import ROOT, as_csv
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.case import Case
from gradproof.storage.atomic import write_text
from gradproof.subject.load import load_subject
from gradproof.subject.subject import Subject
from gradproof.witnesses.enclosure.differentiate import Unsupported
from gradproof.witnesses.enclosure.enclose import available, distance, enclose

NOTEWORTHY = 100.0
"""In ulps; below this it is the rounding of a few operations."""
_DRAWS = 20


@dataclass(frozen=True)
class Row:
    """One point of one function.

    gradient        autograd's;  low, high: the proved interval, at a kink of one-sided derivatives
    ulps            how far autograd's lies outside, in units of the last place of the true value;
                    0 below the smallest normal number, which is what underflow may lose
    relative_error  the same as a part of the true value
    kind            "inaccurate", or "convention" at a kink
    """

    function: str
    options: str
    dtype: str
    x: float
    gradient: float
    low: float
    high: float
    ulps: float
    relative_error: float
    kind: str


def main(arguments: list[str] | None = None) -> int:
    """Sweep, write torch.csv and say what is in it.

    Returns   the exit status: 0, or 2 when it could not run
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.torch_accuracy", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports/judge", help="folder")
    options = parser.parse_args(arguments)
    if not available():
        print("torch_accuracy: python-flint is missing; install gradproof[proof]", file=sys.stderr)
        return 2

    def measure() -> list[Row]:
        rows = sweep(load_subject(ROOT))
        options.out.mkdir(parents=True, exist_ok=True)
        write_text(options.out / "torch.csv", as_csv([asdict(row) for row in rows]))
        return rows

    rows = attempt("torch_accuracy", measure)
    if rows is None:
        return 2
    inaccurate = sum(row.kind == "inaccurate" for row in rows)
    print(f"{inaccurate} functions and dtypes over {NOTEWORTHY:g} ulps: {options.out}/torch.csv")
    return 0


def sweep(subject: Subject) -> list[Row]:
    """The rows of torch.csv: the worst points first, then the conventions."""
    from rich.console import Console
    from rich.progress import track

    inaccurate, conventions = [], []
    names = [name for name, kind in subject.layers.items() if kind is not subject.net]
    for name in track(names, "sweeping", console=Console(stderr=True)):
        layers = list(variants(subject, name))
        for dtype in ("float64", "float32"):
            found = [row for layer in layers for row in at_points(subject, layer, dtype)]
            off = [row for row in found if row.kind == "inaccurate" and row.ulps > NOTEWORTHY]
            inaccurate += sorted(off, key=lambda row: row.ulps)[-1:]
        for layer in layers[:1]:
            found = list(at_points(subject, layer, "float64"))
            conventions += [row for row in found if row.kind == "convention"]
    return [*sorted(inaccurate, key=lambda row: -row.ulps), *conventions]


def variants(subject: Subject, name: str) -> Iterator[Any]:
    """Layers of a kind that work on each entry of one array, with all options that were drawn.

    Each also with options that a single-precision number does not hold.
    """
    seen: set[Any] = set()
    for drawn in judged(subject, Task("layer", name, _DRAWS, 0), shrink=False):
        layer = drawn.case.layer
        given = [n for n, a in drawn.case.arrays.items() if a is not None]
        if given != ["x"] or layer in seen or not is_elementwise(layer):
            continue
        floats = {f.name: getattr(layer, f.name) for f in fields(layer)}
        other = {
            n: v * (1 + 0.1 * i) for i, (n, v) in enumerate(floats.items(), 1) if type(v) is float
        }
        new = [each for each in (layer, replace(layer, **other)) if each not in seen]
        seen.update(new)
        yield from new


def is_elementwise(layer: Any) -> bool:
    """Whether every entry of y is a function of the same entry of x."""
    x = np.array([[-0.75, 2.5], [0.25, 1.0]])
    try:
        y = layer.forward(x)[0]
        alone = [[layer.forward(np.full((1, 1), v))[0] for v in row] for row in x]
        return y.shape == x.shape and bool(np.array_equal(y, np.block(alone)))
    except (ValueError, IndexError, AttributeError):
        return False


def at_points(subject: Subject, layer: Any, dtype: str) -> Iterator[Row]:
    """Autograd's gradient at every point of the sweep, beside what is proved."""
    import torch

    magnitudes = np.logspace(-8, 3, 12 * 11 + 1)
    points = np.unique([*magnitudes, *-magnitudes, *np.arange(-12, 13) / 2]).astype(dtype)
    ones = np.ones_like(points)
    try:
        found = enclose(Case(layer, {"x": points}, {"x": "real"}, dtype, dy=(ones,)))
    except Unsupported:
        return
    t = torch.from_numpy(points.copy()).requires_grad_()
    y = torchs_own(subject, layer)(t)
    (gradients,) = torch.autograd.grad(y, t, torch.ones_like(y))
    least = float(np.finfo(dtype).smallest_normal)
    for x, g, ball, low, high, kink, decided in zip(
        points,
        gradients.numpy(),
        found.balls["x"],
        *found.ends["x"],
        found.kinks["x"],
        found.decided["x"],
        strict=True,
    ):
        if decided:
            off, true = distance(float(g), ball), abs(float(ball.mid()))
            ulp = float(np.spacing(np.asarray(max(true, least), dtype)))
            yield Row(
                type(layer).__name__,
                repr(layer),
                dtype,
                float(x),
                float(g),
                float(low),
                float(high),
                off / ulp if off > least else 0.0,
                off / max(true, least),
                "convention" if kink else "inaccurate",
            )


def torchs_own(subject: Subject, layer: Any) -> Callable[..., Any]:
    """torch.nn's module of the layer's name and options; where there is none, its twin."""
    import torch

    module = getattr(torch.nn, type(layer).__name__, None)
    options = {f.name: getattr(layer, f.name) for f in fields(layer)}
    try:
        made: Callable[..., Any] = module(**options)  # type: ignore[misc]
    except TypeError:
        return lambda x: subject.twin(layer, x)
    return made


if __name__ == "__main__":
    sys.exit(main())
