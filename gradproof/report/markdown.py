"""REPORT.md: the same report for a code-hosting site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradproof.report import tables
from gradproof.report.findings import Finding
from gradproof.report.format import count, plural, ratio, seconds, share, value
from gradproof.report.view import GLYPHS, View

LIMIT = 1 << 20  # bytes that a step summary on a code host holds
MESSAGES = 40  # counterexamples shown in full, each up to MESSAGE characters
MESSAGE = 6_000
BARS = 12


def render(view: View) -> str:
    """The whole file, at most LIMIT bytes."""
    said = view.verdict if view.complete else f"{view.verdict} so far"
    parts = [
        f"# {view.headline}",
        f"**{GLYPHS[view.verdict]} {said}** · gradproof run `{view.info['run']}`",
        *(f"> {warning}" for warning in view.warnings),
        view.lead,
        _table(["", ""], ([what, f"{n} ({remark})"] for n, what, remark in view.tiles), "lr"),
        *_findings(view),
        *_vacuous(view),
        *_inaccurate(view),
        *_layers(view),
        *_training(view),
        *_drawn(view),
        *_time(view),
        "## Environment",
        _table(["", ""], view.settings + view.environment, "ll"),
        *_reading(),
        *(f"## {s.title}\n\n{s.markdown.strip()}" for s in view.sections),
    ]
    return _cut("\n\n".join(part for part in parts if part) + "\n")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], align: str) -> str:
    """A table; `align` has one letter per column, l or r."""
    marks = [{"l": ":--", "r": "--:"}[a] for a in align]
    cells = [[str(c).replace("|", "\\|").replace("\n", " ") for c in row] for row in rows]
    lines = [list(head), marks, *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _layers(view: View) -> list[str]:
    head = ["Layer", "Verdict", "Cases", "Arrays"]
    head += [f"Worst {name}" for name in view.dtypes]
    head += [f"Caught {name}" for name in view.caught]
    head += [f"≤ {tables.FEW_ULP} ulp", "Vacuous", "Convention"]
    head += ["Disagree", "Errors"]
    rows = []
    for row in view.layers:
        worst = [ratio(row.worst.get(name, float("nan"))) for name in view.dtypes]
        caught = [f"{row.caught[d]:.0e}" if d in row.caught else "–" for d in view.caught]
        linked = f"[{row.disagreements}](#{row.kind.lower()})" if row.disagreements else "0"
        rows.append(
            [
                row.kind,
                f"{GLYPHS.get(row.verdict, '')} {row.verdict}",
                *map(count, (row.cases, row.arrays)),
                *worst,
                *caught,
                share(row.few_ulp, row.arrays),
                *map(count, (row.vacuous, row.convention)),
                linked,
                f"`{row.histogram.blocks}`",
            ]
        )
    depths = [
        [d.depth, count(d.arrays), ratio(d.worst), *map(count, (d.convention, d.vacuous, d.bad))]
        for d in view.depths
    ]
    return [
        "## Agreement by layer",
        (
            "*Worst* is the greatest error in units of its rounding bound; up to 1 is rounding, "
            "more is a disagreement. *Caught* is the smallest error, planted on purpose, that is "
            "still found. *Errors* is a histogram, counts on a log scale: in the first block both "
            "sides are equal to the last bit, the last two blocks are beyond the bound."
        ),
        _table(head, rows, "ll" + "r" * (len(head) - 3) + "l"),
        _table(["Depth", "Arrays", "Worst", "Convention", "Vacuous", "Disagree"], depths, "lrrrrr"),
    ]


def _training(view: View) -> list[str]:
    if not view.training:
        return ["## Training, side by side", "No training run was recorded."]
    head = ["Data", "Network", "Optimizer", "Mode", "Steps", "Final loss, manual"]
    head += ["Final loss, reference", "Divergence", "Null", "Held out", "Manual", "Reference"]
    head += ["Disagree"]
    rows = [
        [
            *(r.dataset, r.network, r.optimizer, r.mode, r.steps),
            *(value(r.loss_manual), value(r.loss_reference), ratio(r.divergence), ratio(r.null)),
            *(r.metric or "–", value(r.manual), value(r.reference), r.disagreements),
        ]
        for r in view.training
    ]
    return [
        "## Training, side by side",
        (
            "*Locked*: before each step, manual takes the reference's parameters and optimizer "
            "state. *Free*: the two run apart. *Null* is how far the reference moves away from "
            "itself when its start is changed by one ulp."
        ),
        _table(head, rows, "llllrrrrrlrrr"),
    ]


def _findings(view: View) -> list[str]:
    parts = ["## Disagreements"]
    if not view.findings:
        parts.append("None: every entry of every array is within its bound.")
    left = MESSAGES
    for finding in view.findings:
        parts += _finding(finding, left)
        left -= min(left, len(finding.counterexamples))
    return parts


def _finding(finding: Finding, left: int) -> list[str]:
    where = f"{plural(finding.arrays, 'array')} in {plural(finding.examples, 'example')}"
    if finding.quantities:
        where += f": **{finding.quantities}**; {finding.depths}; {finding.dtypes}; "
        where += f"worst {ratio(finding.worst)} × the bound"
    cause = f" Likely cause: {finding.causes}." if finding.causes else ""
    parts = [f"### {finding.kind}", f"{where}.{cause}"]
    for case in finding.counterexamples[:left]:
        text = case.text[:MESSAGE]
        fence = "`" * 3
        while fence in text:
            fence += "`"
        files = " · ".join(f"[{name}]({name})" for name in case.files)
        parts += [f"{fence}text\n{text}\n{fence}", files]
    rest = len(finding.counterexamples) - left
    if rest > 0:
        parts.append(f"{plural(rest, 'more counterexample')} in the counterexamples folder.")
    return parts


def _drawn(view: View) -> list[str]:
    parts = ["## What was generated"]
    for chart in view.drawn:
        rows = [
            [label, count(n), f"`{'█' * max(1, round(BARS * part)) if n else '·'}`"]
            for label, n, part in chart.bars
        ]
        parts.append(_table([chart.title, "Cases", ""], rows, "lrl"))
    return parts


def _vacuous(view: View) -> list[str]:
    t = view.totals
    rows = []
    for r in view.vacuity:
        where = ", ".join(f"{kind} {count(n)}" for kind, n in r.kinds)
        where += f" and {plural(r.more, 'other layer')}" if r.more else ""
        rows.append([r.cause, r.verdict, count(r.arrays), share(r.arrays, t.arrays), where])
    head = ["Why", "Verdict", "Arrays", "Share of all", "Layers, most frequent first"]
    return [
        "## What could not be judged",
        (
            f"{plural(t.vacuous_arrays, 'array')} ({share(t.vacuous_arrays, t.arrays)}) and "
            f"{plural(t.vacuous_networks, 'network')} ({share(t.vacuous_networks, t.networks)}) "
            "are *vacuous*: the check could not fail, for example because the gradient is zero "
            f"everywhere. Cases at a kink or tie: {count(view.kinks)}; arrays there with another "
            f"one-sided derivative (*convention*): {count(t.convention)}."
        ),
        _table(head, rows, "llrrl") if rows else "",
        "\n".join(f"- {row.warning}." for row in view.layers if row.warning),
    ]


def _inaccurate(view: View) -> list[str]:
    rows = [
        [r.kind, r.quantity, r.dtype, count(r.arrays), r.shape, r.manual, r.reference, r.cause]
        for r in view.inaccurate
    ]
    if not rows:
        return []
    head = ["Layer", "Array", "dtype", "Arrays", "Smallest case", "Manual", "PyTorch", "Found"]
    return [
        "## Where PyTorch is inaccurate",
        (
            "The two sides differ by more than rounding, and the hand-written side is right, as "
            "the function without rounding or another witness says (*reference*). This fails no "
            "run."
        ),
        _table(head, rows, "lllrlrrl"),
    ]


def _time(view: View) -> list[str]:
    time = view.timing
    parts = ["## Where the time went"]
    if time.total:
        said = f"The cases took {seconds(time.total)}; judging was "
        said += f"**{share(time.judge, time.total)}** of it "
        said += f"({', '.join(f'{name} {seconds(s)}' for name, s in time.parts)})."
        if view.totals.networks:
            said += f" One worker judges {count(time.networks_per_minute)} networks a minute."
        parts.append(said)
    if time.pace:
        pace = time.pace
        parts.append(
            f"By the clock, {plural(pace.processes, 'process')} judged "
            f"**{count(pace.networks_per_minute)} networks a minute**: "
            f"{plural(pace.networks, 'network')} in {seconds(pace.seconds)}, from the start of "
            "the first to the end of the last."
        )
    if time.phases:
        parts.append(_table(["Over the run", ""], [[n, seconds(s)] for n, s in time.phases], "lr"))
    return parts


def _reading() -> list[str]:
    return [
        "## How to read this",
        (
            "Every output and every gradient of hand-written code (*manual*) is compared, entry by "
            "entry, with an independent implementation (the *reference*). The bound of an entry is "
            "a fixed multiple of the reference's rounding noise, which is measured. The *ratio* is "
            "|manual − reference| / bound."
        ),
        (
            "- **isolated**: each layer alone, with the reference's own inputs; **chained**: "
            "backward through a whole network, over the reference's forward pass; **free**: manual "
            "from end to end.\n"
            "- ✓ **agree**: every entry is within its bound. ✗ **disagree**: an entry is beyond "
            "it. ≠ **reference**: PyTorch is inaccurate, and manual is right. "
            "≈ **convention**: at a kink, a valid one-sided derivative, but not the one that "
            "the reference takes. ○ **vacuous**: the check could not fail.\n"
            "- `index.html` beside this file has the pictures."
        ),
    ]


def _cut(text: str) -> str:
    """At most LIMIT bytes, ending with a whole line; says so when something is left out."""
    data = text.encode()
    if len(data) <= LIMIT:
        return text
    note = "\n\n*Cut here at 1 MiB: the rest is in index.html and the CSV files.*\n"
    kept = data[: LIMIT - len(note.encode()) - 16].decode(errors="ignore").rsplit("\n", 1)[0]
    fences = [line for line in kept.splitlines() if line.startswith("```")]
    close = f"\n{fences[-1].removesuffix('text')}" if len(fences) % 2 else ""
    return kept + close + note
