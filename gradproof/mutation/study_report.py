"""mutants.json and mutants.md: what the judge made of the planted bugs, in sum.

The row of each bug is in the study's journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gradproof.mutation.score import LEAST, Row, Tally, passed, tallies, tally
from gradproof.mutation.study import JOURNAL, PROFILE
from gradproof.report.format import count, seconds, share
from gradproof.storage.atomic import now, write_json, write_text
from gradproof.storage.environment import environment

MISNAMED = 30
"""Bugs of which another cause is named, so many of which mutants.md lists."""
HEAD = ("", "bugs", "killed", "survived", "equivalent", "rate", "layer", "in a network", "cause")
GOAL = """\
**{verdict}**: all of the catalogue and at least {least:.0f} % of the automatic bugs have to be
killed, and nothing harmless may be."""
SPENT = """\
Half of the killed bugs fall within {examples} cases, and half of the counterexamples have at most
{size} numbers; those of automatic bugs that state no cause are neither shrunk nor
explained. Hunting alone took {spent}. Seed {seed}, profile {profile}, commit {where[commit]},
{where[cpu]}. A run keeps the row of each bug in `{rows}`."""
READING = """\
A bug is *killed* when a case drawn as `make verify` draws it disagrees, and *equivalent* when it
changes nothing but rounding in any of them. *Rate* is the killed share of the others. *Layer* is
how often the right layer is blamed for a case of its own, *in a network* how often it is in a drawn
network that shows the bug, *cause* how often the diagnosis at the shrunk counterexample names what
is wrong, of the bugs that state it and whose code does not just raise an exception."""


def write(root: Path, folder: Path, rows: Sequence[Row], seed: int, whole: bool) -> None:
    """Write both files, each whole or not at all; whole: no bug was left out on purpose."""
    about = summary(rows, seed) | {"complete": whole, "environment": environment(root, folder)}
    write_text(folder / "mutants.md", markdown(rows, about))
    write_json(folder / "mutants.json", about)


def summary(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    """What mutants.json says of the bugs; `failures` are those that the judge got wrong."""
    told = ("name", "group", "outcome", "reason")
    failures = [r for r in rows if _survives(r) or _false_alarm(r)]
    return {
        "made": now(),
        "seed": seed,
        "profile": PROFILE,
        "passed": passed(rows),
        "seconds": sum(r.seconds for r in rows),
        "failures": [{name: getattr(r, name) for name in told} for r in failures],
        **{
            by: {t.title: asdict(t) | {"rate": t.rate} for t in found}
            for by, found in _classes(rows).items()
        },
    }


def _classes(rows: Sequence[Row]) -> dict[str, list[Tally]]:
    automatic = [r for r in rows if r.group == "automatic"]
    return {
        "counts": groups(rows),
        "automatic by origin": tallies(automatic, lambda r: r.origin),
        "by cause": tallies(rows, lambda r: r.cause_planted),
    }


def groups(rows: Sequence[Row]) -> list[Tally]:
    """The catalogue, the automatic bugs and the harmless changes, those that there are."""
    return tallies(rows, lambda row: row.group)


def cells(t: Tally) -> list[str]:
    """A line of the tables, under HEAD."""
    able = t.killed + t.survived
    numbers = [count(n) for n in (t.bugs, t.killed, t.survived, t.equivalent)]
    named = [_of(*right) for right in (t.layer, t.network, t.cause)]
    return [t.title, *numbers, share(t.killed, able), *named]


def _of(right: int, all_of_them: int) -> str:
    return f"{share(right, all_of_them)} of {all_of_them}" if all_of_them else "–"


def _number(median: float | None) -> str:
    return "–" if median is None else f"{median:g}"


def markdown(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """The whole of mutants.md."""
    killed = tally("", [r for r in rows if r.outcome == "killed"])
    total, by_origin, by_cause = (_table(HEAD, map(cells, t)) for t in _classes(rows).values())
    parts = [
        "# The judge, judged",
        GOAL.format(verdict="passed" if about["passed"] else "failed", least=100 * LEAST),
        total,
        READING,
        SPENT.format(
            examples=_number(killed.examples),
            size=_number(killed.size),
            spent=seconds(sum(r.seconds for r in rows)),
            where=about["environment"],
            rows=JOURNAL.format(**about),
            **about,
        ),
        "## Automatic bugs by the slip of the hand",
        by_origin,
        "## By the cause that the bug states",
        by_cause,
        *_listed("Survivors", rows, _survives, lambda r: [r.outcome, r.reason or "not known why"]),
        *_listed("False alarms", rows, _false_alarm, lambda r: [r.layer_named, r.cause_named]),
        *_listed("Another layer is blamed", rows, _misplaced, _places),
        *_listed("Another cause is named", rows, _misnamed, _causes, MISNAMED),
    ]
    return "\n\n".join(parts) + "\n"


def _survives(r: Row) -> bool:
    missed = r.group == "catalogue" and r.outcome == "equivalent"
    return r.outcome in ("survived", "timeout") or missed


def _false_alarm(r: Row) -> bool:
    return r.outcome == "false alarm"


def _misplaced(r: Row) -> bool:
    return r.layer_right is False or r.network_layer_right is False


def _misnamed(r: Row) -> bool:
    return r.cause_right is False


def _places(r: Row) -> list[str]:
    return [r.kind, f"{r.layer_named}; in a network {r.network_layer or '–'}"]


def _causes(r: Row) -> list[str]:
    return [r.cause_planted, r.cause_named]


def _listed(
    title: str,
    rows: Iterable[Row],
    which: Callable[[Row], bool],
    cell: Callable[[Row], list[str]],
    most: int | None = None,
) -> list[str]:
    """A section with a line for each row that belongs there, up to `most`; none if no row does."""
    lines = [[f"`{r.name}`", *cell(r)] for r in rows if which(r)]
    found = [f"## {title}", _table(("bug", "", ""), lines[:most], text=True)] if lines else []
    return [*found, f"And {len(lines) - most} more."] if most and len(lines) > most else found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], text: bool = False) -> str:
    marks = [":--", *([":--" if text else "--:"] * (len(head) - 1))]
    safe = [[" ".join(c.replace("|", "\\|").split()) for c in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), marks, *safe])
