"""``python -m benchmarks.outsiders``: right and wrong layers of kinds that this project has not.

Each right layer of ``tests/outsiders`` is judged on many cases; none may be called wrong. Each
wrong variant is judged until it is flagged, and the disagreement is explained as for a user.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).parents[1]
FOUND_IN = 300
"""The most cases of a wrong variant that are judged."""


@dataclass
class Right:
    """A right layer: how many of its cases got which verdict, and what was said of PyTorch.

    reference   "quantity dtype: cause" → how often
    wrong       the same of what was called wrong
    """

    layer: str
    verdicts: dict[str, int]
    reference: dict[str, int]
    wrong: dict[str, int]


@dataclass
class Wrong:
    """A wrong variant.

    cases      judged until it was flagged, or all
    quantity   blamed; "" if nothing was flagged;  named: it is one of those that are wrong
    seconds    from the smallest case to the whole message
    """

    bug: str
    cases: int = 0
    quantity: str = ""
    named: bool = False
    cause: str = ""
    seconds: float = 0.0


def judge_right(task: tuple[str, int, int]) -> Right:
    """Judge so many cases of a right layer."""
    from gradproof.campaign.search import judged
    from gradproof.campaign.task import Task
    from gradproof.judge.verdict import BAD
    from tests.outsiders import SUBJECT

    name, count, seed = task
    verdicts: Counter[str] = Counter()
    said: dict[str, Counter[str]] = {"reference": Counter(), "wrong": Counter()}
    for drawn in judged(SUBJECT, Task("layer", name, count, seed), shrink=False):
        verdicts[drawn.judgement.verdict] += 1
        for f in drawn.judgement.findings:
            kind = "wrong" if f.verdict in BAD else f.verdict
            if kind in said:
                said[kind][f"{f.quantity} {f.case.dtype}: {f.cause}"] += 1
    return Right(name, dict(verdicts), dict(said["reference"]), dict(said["wrong"]))


def judge_wrong(task: tuple[str, int]) -> Wrong:
    """Judge a wrong variant until it is flagged, then explain the smallest case."""
    from gradproof.campaign.search import judged
    from gradproof.campaign.task import Task
    from gradproof.counterexamples.message import explain_culprit
    from tests.outsiders import BUGS, SUBJECT

    name, seed = task
    bug = next(b for b in BUGS if b.name == name)
    found = Wrong(name)
    with bug.planted():
        for drawn in judged(SUBJECT, Task("layer", bug.kind, FOUND_IN, seed)):
            found.cases += 1
            if not drawn.judgement.flagged:
                continue
            smallest = drawn.shrunk or drawn.judgement
            culprit = smallest.culprit
            assert culprit is not None
            begun = perf_counter()
            text = explain_culprit(SUBJECT, smallest, "gradproof replay …")
            found.seconds = perf_counter() - begun
            found.quantity = culprit.quantity
            found.named = culprit.quantity in bug.quantities
            lines = (line for line in text.splitlines() if "likely cause" in line)
            found.cause = next(lines, "").partition("likely cause")[2].strip()
            break
    return found


def main(arguments: list[str] | None = None) -> int:
    """Judge all, show what was found and write it.

    Returns   the exit status: 0, 1 when a right layer was called wrong or a wrong one was not
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outsiders", description=__doc__)
    parser.add_argument("--cases", type=int, default=300, help="of each right layer")
    parser.add_argument("--seed", type=int, default=0, help="of the cases")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=Path("reports/judge"), help="where to write")
    options = parser.parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"

    from benchmarks.output import progress
    from gradproof.storage.atomic import now, write_json
    from gradproof.storage.environment import environment
    from tests.outsiders import BUGS, SUBJECT

    options.out.mkdir(parents=True, exist_ok=True)
    tasks = [(name, options.cases, options.seed) for name in SUBJECT.layers]
    bugs = [(bug.name, options.seed) for bug in BUGS]
    with ProcessPoolExecutor(options.jobs) as pool, progress(len(tasks) + len(bugs)) as advance:
        right = list(_announced(pool.map(judge_right, tasks), advance))
        wrong = list(_announced(pool.map(judge_wrong, bugs), advance))
    figures = _figures(right, wrong)
    for key, value in figures.items():
        print(f"{key.replace('_', ' '):<24}{value}")
    about = {"at": now(), "seed": options.seed, "cases": options.cases, **environment(ROOT)}
    write_json(
        options.out / "outsiders.json",
        {"about": about, **figures, "layers": [vars(r) for r in right]},
    )
    return 1 if figures["called_wrong"] or figures["not_found"] else 0


def _announced(results: Iterable[Any], advance: Any) -> Iterator[Any]:
    for result in results:
        advance("judging")
        yield result


def _figures(right: list[Right], wrong: list[Wrong]) -> dict[str, Any]:
    """What is published of the right layers and the wrong variants."""
    verdicts = sum((Counter(r.verdicts) for r in right), Counter[str]())
    return {
        "right_layers": len(right),
        "right_cases": verdicts.total(),
        "called_wrong": {r.layer: r.wrong for r in right if r.wrong},
        "verdicts": dict(verdicts),
        "wrong_variants": len(wrong),
        "not_found": [w.bug for w in wrong if not w.quantity],
        "quantity_not_named": [w.bug for w in wrong if w.quantity and not w.named],
        "longest_explanation_s": round(max((w.seconds for w in wrong), default=0.0), 1),
        "without_cause": sum("not recognised" in w.cause or "not found" in w.cause for w in wrong),
    }


if __name__ == "__main__":
    sys.exit(main())
