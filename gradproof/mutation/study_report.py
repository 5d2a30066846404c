"""mutants.csv, mutants.md and mutants.json: what the judge made of every planted bug."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gradproof.mutation.score import LEAST, Row, Tally, passed, tallies, tally
from gradproof.mutation.study import PROFILE
from gradproof.report.format import count, seconds, share
from gradproof.storage.atomic import write_json, write_text
from gradproof.storage.environment import environment

HEAD = ("", "bugs", "killed", "survived", "equivalent", "rate", "layer", "in a network", "cause")
GOAL = """\
**{verdict}**: all of the catalogue and at least {least:.0f} % of the automatic bugs have to be
killed, and nothing harmless may be."""
SPENT = """\
Half of the killed bugs fall within {examples} cases, and half of the counterexamples have at most
{size} numbers; those of automatic bugs that state no cause are neither shrunk nor
explained. Hunting alone took {spent}. Seed {seed}, profile {profile}, commit {where[commit]},
{where[cpu]}."""
READING = """\
A bug is *killed* when a case drawn as `make verify` draws it disagrees, and *equivalent* when it
changes nothing but rounding in any of them. *Rate* is the killed share of the others. *Layer* is
how often the right layer is blamed for a case of its own, *in a network* how often it is in a drawn
network that shows the bug, *cause* how often the diagnosis at the shrunk counterexample names what
is wrong, of the bugs that state it and whose code does not just raise an exception."""


def write(root: Path, folder: Path, rows: Sequence[Row], seed: int, whole: bool) -> None:
    """Write the three files, each whole or not at all; whole: no bug was left out on purpose."""
    about = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "profile": PROFILE,
        "complete": whole,
        "passed": passed(rows),
        "counts": {t.title: asdict(t) | {"rate": t.rate} for t in groups(rows)},
        "environment": environment(root, folder),
    }
    write_text(folder / "mutants.csv", _csv(rows))
    write_text(folder / "mutants.md", markdown(rows, about))
    write_json(folder / "mutants.json", about)


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
    automatic = [r for r in rows if r.group == "automatic"]
    verdict = "passed" if about["passed"] else "failed"
    spent = seconds(sum(r.seconds for r in rows))
    killed = tally("", [r for r in rows if r.outcome == "killed"])
    parts = [
        "# The judge, judged",
        GOAL.format(verdict=verdict, least=100 * LEAST),
        _table(HEAD, map(cells, groups(rows))),
        READING,
        SPENT.format(
            examples=_number(killed.examples),
            size=_number(killed.size),
            spent=spent,
            where=about["environment"],
            **about,
        ),
        "## Automatic bugs by the slip of the hand",
        _table(HEAD, map(cells, tallies(automatic, lambda r: r.origin))),
        "## By the cause that the bug states",
        _table(HEAD, map(cells, tallies(rows, lambda r: r.cause_planted))),
        *_listed("Survivors", rows, _survives, lambda r: [r.outcome, r.reason or "not known why"]),
        *_listed("False alarms", rows, _false_alarm, lambda r: [r.layer_named, r.cause_named]),
        *_listed("Another layer is blamed", rows, _misplaced, _places),
        *_listed("Another cause is named", rows, _misnamed, _causes),
        *_listed("Not seen in networks", rows, _unseen, lambda r: [r.layer_named, r.cause_named]),
        *_listed("Harmless, with the proof", rows, _harmless, lambda r: [r.outcome, r.reason]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _survives(r: Row) -> bool:
    missed = r.group == "catalogue" and r.outcome == "equivalent"
    return r.outcome in ("survived", "timeout") or missed


def _false_alarm(r: Row) -> bool:
    return r.outcome == "false alarm"


def _harmless(r: Row) -> bool:
    return r.outcome == "harmless"


def _misplaced(r: Row) -> bool:
    return r.layer_right is False or r.network_layer_right is False


def _misnamed(r: Row) -> bool:
    return r.cause_right is False


def _unseen(r: Row) -> bool:
    return r.outcome == "killed" and r.group == "catalogue" and not r.network_layer


def _places(r: Row) -> list[str]:
    return [r.kind, f"{r.layer_named}; in a network {r.network_layer or '–'}"]


def _causes(r: Row) -> list[str]:
    return [r.cause_planted, r.cause_named]


def _listed(
    title: str, rows: Iterable[Row], which: Callable[[Row], bool], cell: Callable[[Row], list[str]]
) -> list[str]:
    """A section with a line for each row that belongs there; none if no row does."""
    found = [r for r in rows if which(r)]
    if not found:
        return []
    lines = ([f"`{r.name}`", *cell(r)] for r in found)
    return [f"## {title}", _table(("bug", "", ""), lines, text=True)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], text: bool = False) -> str:
    marks = [":--", *([":--" if text else "--:"] * (len(head) - 1))]
    safe = [[" ".join(c.replace("|", "\\|").split()) for c in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), marks, *safe])


def _csv(rows: Sequence[Row]) -> str:
    columns = [f.name for f in fields(Row) if f.name != "key"]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return file.getvalue()
