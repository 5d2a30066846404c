"""What the terminal shows: progress while a command runs, then the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from gradproof.campaign.task import Done
from gradproof.mutation.score import Row, passed
from gradproof.subject.subject import Subject

if TYPE_CHECKING:
    from gradproof.campaign.soak import Summary
    from gradproof.campaign.soak_record import Shard
    from gradproof.report.tables import LayerRow

_STYLES = {"agree": "green", "disagree": "bold red", "error": "bold red"}


@contextmanager
def progress(tasks: int) -> Iterator[Callable[[Done], None]]:
    """A bar of finished tasks, with networks and cases so far; yields what advances it."""
    seen = {"network": 0, "layer": 0, "optimizer": 0, "trajectory": 0, "sensitivity": 0}
    with _bar() as bar:
        line = bar.add_task("judging", total=tasks)

        def advance(done: Done) -> None:
            seen[done.task.source] += done.examples
            text = f"{seen['network']} networks, {seen['layer'] + seen['optimizer']} cases judged"
            bar.update(line, advance=1, description=text)

        yield advance


@contextmanager
def checking(checks: int) -> Iterator[Callable[[Done], None]]:
    """A bar of finished checks, with the answer of each above it; yields what advances it."""
    with _bar() as bar:
        line = bar.add_task("checks", total=checks)

        def advance(done: Done) -> None:
            said = done.extra.get("verdict", "not judged")
            bar.console.print(f"{done.task.target}: {said}", style=_STYLES.get(said, ""))
            bar.advance(line)

        yield advance


@contextmanager
def hunting(bugs: int) -> Iterator[Callable[[int], None]]:
    """A bar of planted bugs; yields what advances it."""
    with _bar() as bar:
        line = bar.add_task("bugs hunted", total=bugs)
        yield lambda count: bar.advance(line, count)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def show(folder: Path, about: dict[str, Any], layers: Sequence[LayerRow], out: Path) -> None:
    """The table of layers, every disagreement in full, and the verdict."""
    console = Console(width=None if Console().is_terminal else 110)
    table = Table(title="Agreement by layer", title_justify="left")
    dtypes = sorted({dtype for line in layers for dtype in line.worst})
    table.add_column("layer")
    for name in ("cases", "arrays", "vacuous", "at kinks", *dtypes):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for line in layers:
        numbers = (line.cases, line.arrays, line.vacuous, line.kinks)
        worst = [f"{line.worst[d]:.2g}" if d in line.worst else "" for d in dtypes]
        table.add_row(line.kind, *map(str, numbers), *worst, line.verdict)
    table.caption = f"{', '.join(dtypes)}: the worst error in units of its rounding bound"
    console.print(table)
    for line in layers:
        if line.warning:
            console.print(line.warning, highlight=False)
    for counterexample in about["counterexamples"]:
        text = (folder / counterexample).with_suffix(".txt")
        if text.exists():
            console.print(text.read_text(), markup=False, highlight=False, soft_wrap=True)
    counts = ", ".join(f"{n} {what}" for what, n in about["counts"].items())
    style = _STYLES[about["verdict"]]
    verdict = f"[{style}]{about['verdict']}[/]: {counts}"
    if about.get("interrupted"):  # only finished tasks are counted
        verdict = f"{about['verdict']} so far"
    console.print(verdict, highlight=False)
    if about.get("stopped"):
        console.print("stopped at the first fault, as --fail-fast asks; the rest was not judged")
    if about["too vacuous"]:
        console.print("too many networks are vacuous: more than 1 in 20 could not have failed")
    console.print(f"report: {out}/index.html", highlight=False)


@contextmanager
def soak_progress(networks: int, done: int, flagged: int) -> Iterator[Callable[[Shard], None]]:
    """A bar of judged networks, with their rate, those flagged and the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    before, since = done, monotonic()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        line = bar.add_task(f"{flagged} flagged", total=networks, completed=done)

        def advance(shard: Shard) -> None:
            nonlocal done, flagged
            done += shard.networks
            flagged += shard.flagged
            rate = 60 * (done - before) / (monotonic() - since)
            bar.update(line, completed=done, description=f"{flagged} flagged, {rate:.0f} a minute")

        yield advance


def show_soak(found: Summary, asked: int, figures: Path) -> None:
    """What a soak has found so far."""
    finished = found.networks >= asked
    console = Console(width=None if Console().is_terminal else 110)
    for fault in found.disagreements:
        text = (figures.parent / fault.counterexample).with_suffix(".txt")
        if fault.counterexample and text.exists():
            console.print(text.read_text(), markup=False, highlight=False, soft_wrap=True)
        times = f"in {fault.networks} networks of a shard"
        console.print(f"flagged: {fault.kind} {fault.quantity}, {times}", highlight=False)
    for commit, t in found.by_commit.items():
        counts = f"{t.networks} networks, {t.arrays} arrays, {t.flagged} networks flagged"
        console.print(f"commit {commit}: {counts}", highlight=False)
    verdict = "disagree" if found.false_alarms else "agree"
    console.print(
        f"[{_STYLES[verdict]}]{verdict}[/]{'' if finished else ' so far'}: {found.networks} of "
        f"{asked} networks judged ({found.distinct} distinct, {found.vacuous} vacuous), "
        f"{found.arrays} arrays, {found.false_alarms} networks flagged",
        highlight=False,
        soft_wrap=True,
    )
    if not finished:
        console.print("not finished: the same command continues", highlight=False)
    console.print(f"figures: {figures}", highlight=False)


def show_trial(rows: Sequence[Row], out: Path) -> None:
    """The table of planted bugs by outcome, and the bugs that survive."""
    from gradproof.mutation.study_report import HEAD, cells, groups

    console = Console(width=None if Console().is_terminal else 110)
    table = Table(title="The judge, judged", title_justify="left")
    for name in HEAD:
        table.add_column(name, justify="right" if name else "left")
    for line in groups(rows):
        table.add_row(*cells(line))
    console.print(table)
    for row in rows:
        if row.outcome in ("survived", "timeout", "false alarm"):
            text = f"{row.outcome}: {row.name}: {row.reason or 'not known why'}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    style, said = ("green", "passed") if passed(rows) else ("bold red", "failed")
    console.print(f"[{style}]{said}[/]; figures: {out}/mutants.md", highlight=False)


def show_checks(answers: Sequence[dict[str, Any]]) -> None:
    """The table of the checks of a file, and every disagreement in full."""
    console = Console(width=None if Console().is_terminal else 110)
    table = Table(title="Checks", title_justify="left")
    for name in ("check", "cases", "error / bound"):
        table.add_column(name, justify="left" if name == "check" else "right")
    table.add_column("verdict")
    for said in answers:
        if "unjudged" in said:
            table.add_row(said["name"], "", "", Text("not judged", style="bold red"))
            continue
        ratio = said["worst_ratio"]
        word = "agree" if said["agrees"] else said["verdict"]
        shown = "" if ratio is None else f"{ratio:.2g}"
        table.add_row(said["name"], str(said["cases"]), shown, Text(word, _STYLES.get(word, "")))
    console.print(table)
    for said in answers:
        if not said["agrees"]:
            console.print()
            text = said.get("message") or f"{said['name']} was not judged: {said['unjudged']}"
            console.print(Text(text))
    right = sum(said["agrees"] for said in answers)
    console.print(f"{right} of {len(answers)} agree with PyTorch")


def show_layers(subject: Subject) -> None:
    """Each layer and optimiser with the first line of its docstring."""
    table = Table(title=f"Layers and optimisers of {subject.name}", title_justify="left")
    table.add_column("name")
    table.add_column("function")
    for kind in sorted((*subject.rules, *subject.optimizers), key=lambda kind: kind.__name__):
        first = (kind.__doc__ or "").strip().partition("\n")[0]
        table.add_row(kind.__name__, Text(first))  # as it is: a formula is no markup
    Console().print(table)
