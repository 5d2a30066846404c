"""The report's section on the judge itself, from the published figures in reports/judge.

Each part says at which commit it was measured; a part whose files are absent is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gradproof.report.section import Section
from reports.judged_figures import distances, race
from reports.textbook_page import Block, Figure, Heading, Table, Text, to_html, to_markdown

TITLE = "The judge, judged"
ANCHOR = "judged"
FOLDER = Path(__file__).parent / "judge"

WITHIN = (1, 4, 16, 64, 1024)
"""Distances from the proved interval, in ulps, up to which entries are counted."""
BOUNDS = (1, 4, 16, 64)
"""The factors C that are shown of those that were measured."""
LEAST_TORCH = 6
"""Of PyTorch's inaccuracies, how many are shown."""


def section(folder: Path = FOLDER) -> Section:
    """The section; it uses the textbook's style, which stands before it in the page."""
    blocks = story(folder)
    html = to_html(blocks, ANCHOR, level=3)
    return Section(TITLE, ANCHOR, f'<div class="textbook">\n{html}</div>\n', to_markdown(blocks, 3))


def story(folder: Path = FOLDER) -> tuple[Block, ...]:
    """All parts of which the figures are there."""
    opening = Text(
        "A checker is worth what it catches. Wrong backward passes were planted on purpose, "
        "right ones drawn by the hundred thousand, other checkers given the same, and both sides "
        "held against proved intervals. These figures do not belong to this run: each names its "
        "commit, and the command that measures it again."
    )
    parts: Sequence[tuple[str, Callable[[Path], list[Block]]]] = (
        ("mutants.json", mutants),
        ("mutation.json", mutation),
        ("soak.json", soak),
        ("rivals.csv", rivals),
        ("enclosures.json", enclosures),
        ("torch.csv", inaccuracies),
        ("calibration.csv", calibration),
        ("separation.json", separation),
    )
    there = [block for name, part in parts if (folder / name).exists() for block in part(folder)]
    return (opening, *there)


def mutants(folder: Path) -> list[Block]:
    """Planted bugs: how many are killed, and whether layer and cause are named."""
    about = _read(folder / "mutants.json")
    failures = about["failures"]
    rows = []
    for title, t in about["counts"].items():
        able = t["killed"] + t["survived"]
        alarms = sum((f["group"], f["outcome"]) == (title, "false alarm") for f in failures)
        killed = f"{t['killed']:,} of {able:,}" if able else f"{alarms} flagged"
        named = [_of(*t[what]) for what in ("layer", "network", "cause")]
        rows.append((title, f"{t['bugs']:,}", killed, *named))
    columns = ("", "bugs", "killed", "layer named", "in a network", "cause named")
    failed = [f"`{f['name']}`: {f['reason']}" for f in failures]
    told = Text(
        "The catalogue holds mistakes that were reported in published code and the classes "
        "around them; automatic bugs are slips of the hand in every backward pass and update, "
        "made from the syntax tree. One that changes nothing but rounding in any drawn case "
        "counts as equivalent and is left out of the rate. `reports/judge/mutants.md` lists "
        "every operator. " + _measured("mutants", about)
    )
    left = f"Not found: {'; '.join(failed)}." if failed else "None of them was missed."
    return [
        Heading("Planted bugs"),
        Table("Killed, and named", columns, tuple(rows)),
        told,
        Text(left),
    ]


def mutation(folder: Path) -> list[Block]:
    """Small changes in the judge's own code: how many its tests notice, and which they do not."""
    about = _read(folder / "mutation.json")
    left = pd.read_csv(folder / "mutation.csv", keep_default_na=False)
    found = about["score"]
    untried = found["by outcome"].get("survived so far", 0)
    broken_off = f"{untried:,} were not tried on the slower tests and count as not noticed. "
    rates = [
        f"{rate['rate']:.1%} (95 % interval {rate['low']:.1%} to {rate['high']:.1%})"
        for rate in (found["of all"], found["of those that are not equivalent"])
    ]
    rows = tuple(
        (str(module), str(len(own)), str((own == "survived so far").sum()))
        for module, own in left.groupby("module")["outcome"]
    )
    return [
        Heading("Mutation score of the judge's own code"),
        Text(
            f"`mutmut` makes {about['mutants']:,} mutants of `gradproof/`: another operator, "
            f"constant, argument or word. Of {found['drawn']:,} drawn at random the tests notice "
            f"{found['killed']:,}: {rates[0]}. {found['equivalent']:,} of the others do what the "
            f"original does; without them it is {rates[1]}. "
            + (broken_off if untried else "")
            + "`reports/judge/mutation.csv` has each of them, with a word on why. "
            + _measured("mutation", about)
        ),
        Table("Not noticed", ("in", "mutants", "of them not tried on the slower tests"), rows),
    ]


def soak(folder: Path) -> list[Block]:
    """False alarms over very many networks."""
    about = _read(folder / "soak.json")
    seeds = ", ".join(map(str, about["seeds"]))
    rows = tuple(
        (f"commit {commit}", *(f"{t[n]:,}" for n in ("networks", "arrays", "flagged")))
        for commit, t in about["by_commit"].items()
    )
    total = ("all", *(f"{about[n]:,}" for n in ("networks", "arrays", "false_alarms")))
    text = Text(
        f"Networks drawn with seed {seeds}, {about['distinct']:,} of them distinct and "
        f"{about['vacuous']:,} vacuous. What is flagged in right code is a false alarm. Measured "
        "by `make soak`, which goes on where it stopped."
    )
    columns = ("", "networks", "arrays compared", "flagged")
    return [
        Heading("False alarms"),
        Table("Right code, drawn at random", columns, (*rows, total)),
        text,
    ]


def rivals(folder: Path) -> list[Block]:
    """The same bugs before other gradient checkers."""
    frame = pd.read_csv(folder / "rivals.csv")
    about = _read(folder / "rivals.json")
    frame = frame[frame["note"].isna()]
    rates = {
        "killed, own inputs": "catalogue_kill_rate_own",
        "killed, same cases": "catalogue_kill_rate_shared",
        "false alarms, drawn": "false_alarm_rate_drawn",
        "false alarms, N(0, 1)": "false_alarm_rate_ordinary",
    }
    rates = {title: column for title, column in rates.items() if column in frame}
    times = [c for c in frame.columns if c.startswith("seconds_")]
    head = ("checker", *rates, *(f"ms at {_size(c):,}" for c in times))
    rows = tuple(
        (
            str(row["tool"]),
            *(_percent(row[c]) for c in rates.values()),
            *("–" if pd.isna(row[c]) else f"{1e3 * row[c]:.3g}" for c in times),
        )
        for _, row in frame.iterrows()
    )
    bugs = about["counts"].get("catalogue", 0)
    blocks: list[Block] = [
        Heading("Beside other checkers"),
        Table(
            f"{bugs} bugs of the catalogue, and right code; each checker as documented", head, rows
        ),
        Text(
            "Own inputs are one N(0, 1) input with default options, for gradproof the cases that "
            "it draws; the same cases are those that gradproof draws, so that only the check "
            "differs. Times "
            "are a verdict's, by number of parameters. " + _measured("rivals", about)
        ),
    ]
    speed = next((c for c in times if _size(c) == 5000), None)
    if speed is not None:
        points = frame[["tool", speed, "catalogue_kill_rate_own"]].dropna()
        figure = race([(str(t), float(s), float(k)) for t, s, k in points.itertuples(index=False)])
        caption = (
            "Kill rate against the time of a verdict at 5,000 parameters, by row of the table."
        )
        blocks.append(Figure(figure, caption))
    return blocks


def enclosures(folder: Path) -> list[Block]:
    """How far both sides lie from intervals that are proved to hold the true derivative."""
    about = _read(folder / "enclosures.json")
    sides = about["ulps"]
    rows = []
    for side, bins in sides.items():
        total = sum(bins.values())
        shares = [sum(n for b, n in bins.items() if _upper(b) <= most) / total for most in WITHIN]
        worst = about["worst_share_of_the_bound"][side]
        beyond = f"{about['beyond'][side]:,}"
        rows.append((side, *(f"{s:.1%}" for s in shares), beyond, f"{worst:.3f}"))
    head = ("", *(f"≤ {n:,} ulp" for n in WITHIN), "beyond its bound", "most of a bound")
    return [
        Heading("Against proved derivatives"),
        Text(
            "Ball arithmetic (`python-flint`) encloses the true derivative of "
            f"{about['networks']:,} drawn networks: {about['proved']:,} of {about['entries']:,} "
            f"entries are proved, {about['kink']:,} lie at a kink, {about['undecided']:,} are "
            f"undecided and {about['convention']:,} follow a convention of PyTorch's that is no "
            f"derivative. Of the proved ones {about['cancelled']:,} are smaller than their own "
            "rounding bound and left out below."
        ),
        Table("Distance from the proved interval", head, tuple(rows)),
        Figure(distances(sides), "Entries by distance from the proved interval, in ulps."),
        Text("The bound is the judge's own, of each entry. " + _measured("enclosures", about)),
    ]


def inaccuracies(folder: Path) -> list[Block]:
    """Where PyTorch's own gradient is not the derivative."""
    frame = pd.read_csv(folder / "torch.csv")
    wrong = frame[frame["kind"] == "inaccurate"].nlargest(LEAST_TORCH, "relative_error")
    rows = tuple(
        (
            f"{r.options}, {r.dtype}",
            f"{r.x:.6g}",
            f"{r.gradient:.6g}",
            f"{r.low:.6g}",
            f"{r.ulps:.2g}",
        )
        for r in wrong.itertuples()
    )
    kinks = sorted(set(frame.loc[frame["kind"] == "convention", "function"]))
    return [
        Heading("Where PyTorch is not accurate"),
        Table("The worst points found", ("", "x", "autograd", "proved", "off by ulps"), rows),
        Text(
            f"{(frame['kind'] == 'inaccurate').sum()} functions and dtypes are off by more than "
            "rounding somewhere between ±1e-8 and ±1e3; `reports/judge/torch.csv` has them all. "
            f"At a kink PyTorch chooses one side in {', '.join(kinks)}."
        ),
    ]


def calibration(folder: Path) -> list[Block]:
    """What other bounds would flag, and the smallest error that they would catch."""
    frame = pd.read_csv(folder / "calibration.csv")
    about = _read(folder / "calibration.json")
    full = frame[(frame["cheap"] == frame["cheap"].max())]
    full = full[full["thorough"] == full["thorough"].max()]
    rows = []
    for c, each in full[full["c"].isin(BOUNDS)].groupby("c"):
        caught = [
            f"{each.loc[each['dtype'] == d, 'smallest_caught'].iloc[0]:.1e}"
            for d in ("float64", "float32")
        ]
        rows.append((f"C = {c:g}", f"{each['alarms'].sum():,}", *caught))
    head = ("", "right arrays flagged", "smallest error caught, float64", "float32")
    count = about["counts"]["arrays"]
    return [
        Heading("What the bound costs and buys"),
        Table(f"The factor C, over {count:,} right arrays", head, tuple(rows)),
        Text("The judge takes C = 16, for every layer and dtype. " + _measured("calibrate", about)),
    ]


OUTCOMES = {
    "rejected": "rejected",
    "agree": "accepted",
    "reference": "PyTorch blamed",
    "convention": "another choice at a kink",
    "vacuous": "vacuous",
    "same": "same bits",
}
"""What became of a case by other arithmetic, and the column of it."""


def separation(folder: Path) -> list[Block]:
    """The same layers in the next lower precision, and with sums in other orders."""
    about = _read(folder / "separation.json")
    counts = {f"{LOWER[dtype]} inside {dtype}": c for dtype, c in about["lower"].items()}
    counts |= {ORDERS[way]: c for way, c in about["orders"].items()}
    shown = [o for o in OUTCOMES if any(c.get(o) for c in counts.values())]
    rows = tuple((way, *(f"{c.get(o, 0):,}" for o in shown)) for way, c in counts.items())
    accepted = "; ".join(f"{what}, {n}" for what, n in about["accepted"].items())
    told = f"Accepted in lower precision: {accepted}. " if accepted else ""
    return [
        Heading("Between rounding and a lower precision"),
        Text(
            f"All {about['layers']} layers on {about['cases']:,} cases, by other arithmetic. The "
            "next lower precision has to be rejected; sums in another order, or of products that "
            "are not rounded, accepted. Where all bits stay the same a verdict says nothing. "
            f"Where float16 overflows it is bfloat16: {about['bfloat16']:,} cases."
        ),
        Table("Cases by outcome", ("", *(OUTCOMES[o] for o in shown)), rows),
        Text(told + _measured("calibrate", about)),
    ]


LOWER = {"float64": "float32", "float32": "float16"}
ORDERS = {
    "reversed": "sums reversed",
    "shuffled": "sums shuffled",
    "one by one": "sums one by one",
    "fused": "fused multiply-add",
}


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _measured(target: str, about: dict[str, Any]) -> str:
    commit = about.get("commit") or about.get("environment", {}).get("commit", "unknown")
    return f"Measured by `make {target}`, seed {about['seed']}, commit {commit}."


def _of(right: int, asked: int) -> str:
    return f"{right / asked:.1%} of {asked:,}" if asked else "–"


def _percent(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.1%}"


def _size(column: str) -> int:
    return int(column.split("_")[1])


def _upper(bin_: str) -> float:
    """The upper edge of a bin, "0" or "2^k", which holds what is above 2^(k−1)."""
    return 0.0 if bin_ == "0" else 2.0 ** int(bin_.removeprefix("2^"))
