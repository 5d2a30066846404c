"""``python -m benchmarks.separation``: is the bound between rounding and the next lower precision?

Every layer of drawn cases is judged again as it would be by other arithmetic. In the next lower
precision it has to be rejected: float32 inside where float64 is judged, float16 (bfloat16 where
that overflows) where float32 is. With its sums in other orders, and with fused multiply-add, it has
to be accepted. Where the numbers stay the same, bit for bit, a verdict says nothing: these cases
are counted apart.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arithmetic import (
    Fused,
    OneByOne,
    Reversed,
    Shuffled,
    lower,
    other_order,
)
from benchmarks.attempt import attempt
from gradproof.arrays import Array, equal, numbered
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.case import Case, received, received_dy
from gradproof.errors import InputError
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import Judgement
from gradproof.oracle.layer import Oracle
from gradproof.storage.atomic import write_json
from gradproof.storage.environment import environment
from gradproof.subject import passes
from gradproof.subject.load import load_subject
from gradproof.subject.passes import Misconduct
from gradproof.subject.subject import Subject

ROOT = Path(__file__).parents[1]
ORDERS = {"reversed": Reversed, "shuffled": Shuffled, "one by one": OneByOne, "fused": Fused}
REASONS = ("reference", "agree", "convention", "vacuous")
"""The verdicts on an array that is accepted, the one that counts first."""
_ABOUT = ("commit", "python", "numpy", "torch", "cpu")


@dataclass(frozen=True)
class Tried:
    """One case by other arithmetic.

    way       the precision, or a name of `ORDERS`
    outcome   "same" (bits), "rejected", or why it was accepted: one of `REASONS`
    """

    layer: str
    dtype: str
    way: str
    outcome: str


def tries(subject: Subject, kind: type, cases: int, seed: int) -> Iterator[list[Tried]]:
    """For each drawn case of a layer: every way of computing it."""
    task = Task("layer", kind.__name__, cases, seed)
    for drawn in judged(subject, task, shrink=False, judge=_with_dy):
        case: Any = drawn.judgement.case
        own = results(case)
        assert own is not None
        coarse = _in_lower_precision(case, own)
        ways = [(coarse.low, coarse.case)]
        ways += [(n, replace(case, layer=other_order(case.layer, w))) for n, w in ORDERS.items()]
        yield [
            Tried(kind.__name__, case.dtype, way, outcome(subject, changed, own))
            for way, changed in ways
        ]


def _with_dy(subject: Subject, case: Any, _: Any) -> Judgement:
    """Nothing is judged yet, but the cotangents are drawn."""
    return Judgement(case.with_dy(Oracle.of(subject.twin, case).y))


@dataclass(frozen=True)
class _Coarse:
    low: str
    case: Case


def _in_lower_precision(case: Case, own: dict[str, Array]) -> _Coarse:
    """The case in the next lower precision that can hold its numbers."""
    if case.dtype == "float64":
        return _Coarse("float32", replace(case, layer=lower(case.layer, "float32")))
    half = replace(case, layer=lower(case.layer, "float16"))
    made = results(half)
    fits = made is not None and all(
        np.isfinite(made[n]).all() or not np.isfinite(a).all() for n, a in own.items()
    )
    if fits:
        return _Coarse("float16", half)
    return _Coarse("bfloat16", replace(case, layer=lower(case.layer, "bfloat16")))


def results(case: Case) -> dict[str, Array] | None:
    """Outputs and gradients by name, as the judge has them made; None where the layer fails."""
    try:
        with np.errstate(all="ignore"):
            ran = passes.forward(case.layer, received(case))
            grads = passes.backward(case.layer, ran, received_dy(case))
    except Misconduct:
        return None
    return numbered("y", ran.outputs) | grads


def outcome(subject: Subject, case: Case, own: dict[str, Array]) -> str:
    """What the judge makes of a case by other arithmetic.

    own    outputs and gradients of the layer as it is
    """
    made = results(case)
    if made is not None and all(equal(made[name], a) for name, a in own.items()):
        return "same"
    judgement = judge(subject, case)
    return "rejected" if judgement.flagged else _reason(judgement, own, made)


def _reason(judgement: Judgement, own: dict[str, Array], made: dict[str, Array] | None) -> str:
    """Of the arrays that differ, the verdict that counts first."""
    assert made is not None, "a layer that fails is rejected"
    changed = {name for name, a in own.items() if not equal(made[name], a)}
    found = {f.verdict for f in judgement.findings if f.quantity in changed}
    return next((reason for reason in REASONS if reason in found), "vacuous")


def summary(tried: Sequence[Tried]) -> dict[str, Any]:
    """The counts that are published.

    lower     by dtype: cases in the next lower precision, by outcome
    bfloat16  so many of them were in it, since float16 overflows
    orders    by way: cases by outcome, "same" bits apart
    accepted  by layer and reason, what was accepted in lower precision though its bound could tell
    """
    low = [t for t in tried if t.way not in ORDERS]
    told = Counter(
        f"{t.layer} {t.dtype}: {t.outcome}"
        for t in low
        if t.outcome in ("reference", "agree", "convention")
    )
    return {
        "cases": len(low),
        "lower": {
            dtype: dict(sorted(Counter(t.outcome for t in low if t.dtype == dtype).items()))
            for dtype in ("float64", "float32")
        },
        "bfloat16": sum(t.way == "bfloat16" for t in low),
        "orders": {
            way: dict(sorted(Counter(t.outcome for t in tried if t.way == way).items()))
            for way in ORDERS
        },
        "accepted": dict(sorted(told.items())),
    }


def show(found: dict[str, Any]) -> None:
    """The counts, on the terminal."""
    for dtype, counts in found["lower"].items():
        print(f"{dtype} in lower precision: {_listed(counts)}")
    for way, counts in found["orders"].items():
        print(f"{way}: {_listed(counts)}")
    for what, count in found["accepted"].items():
        print(f"  accepted in lower precision: {what}, {count}")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Draw and judge. Raises InputError for an unknown layer."""
    import torch
    from rich.console import Console
    from rich.progress import track

    torch.set_num_threads(1)
    subject = load_subject(ROOT)
    layers = {name: kind for name, kind in subject.layers.items() if kind is not subject.net}
    names = [n for n in options.layers.split(",") if n] or list(layers)
    unknown = [n for n in names if n not in layers]
    if unknown:
        raise InputError(f"unknown layer {unknown[0]!r}; there are {', '.join(layers)}")
    tried: list[Tried] = []
    for name in track(names, "judging", console=Console(stderr=True)):
        for each in tries(subject, layers[name], options.cases, options.seed):
            tried += each
    where = environment(ROOT, options.out.resolve())
    about = {name: where[name] for name in _ABOUT}
    return {"seed": options.seed, "layers": len(names), **summary(tried), "environment": about}


def main(arguments: list[str] | None = None) -> int:
    """Judge all, show the counts and write separation.json.

    Returns   the exit status: 0; 1 where another order was called wrong, or PyTorch was said to be
              inaccurate where a layer is by its lower precision; 2 when it could not run
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.separation", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--cases", type=int, default=13, help="cases of each layer to draw")
    parser.add_argument("--layers", default="", help="judge these alone: Linear,ReLU")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same")
    parser.add_argument("--out", type=Path, default=Path("reports/judge"), help="folder to write")
    options = parser.parse_args(arguments)
    if options.cases < 1 or options.seed < 0:
        parser.error("--cases is a whole number from 1, --seed one from 0")

    def measure() -> dict[str, Any]:
        found = run(options)
        options.out.mkdir(parents=True, exist_ok=True)
        write_json(options.out / "separation.json", found)
        return found

    found = attempt("separation", measure)
    if found is None:
        return 2
    show(found)
    wrong = sum(counts.get("rejected", 0) for counts in found["orders"].values())
    acquitted = sum(counts.get("reference", 0) for counts in found["lower"].values())
    print(f"{wrong} other orders called wrong, {acquitted} lower precisions excused: {options.out}")
    return int(wrong + acquitted > 0)


if __name__ == "__main__":
    sys.exit(main())
