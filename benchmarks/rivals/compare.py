"""The whole comparison, from the cases to the files."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.output import progress
from benchmarks.rivals import output
from benchmarks.rivals.facts import facts
from benchmarks.rivals.score import Arena, score
from benchmarks.rivals.speed import SIZES, speed
from benchmarks.rivals.tools import tools
from gradproof.storage.environment import environment
from gradproof.subject.load import load_subject
from gradproof.subject.subject import Subject


class Unknown(Exception):
    """A layer was named that is not there."""


def compare(root: Path, out: Path, layers: str, seed: int, seconds: float) -> None:
    """Measure everything, show the table and write the files.

    layers    names, with commas between them; "" for all

    Raises    Unknown for the name of no layer; OSError when `out` cannot be written to
    """
    torch.set_num_threads(1)
    subject = load_subject(root)
    kinds = _kinds(subject, layers)
    everyone = tools(subject)
    ready = [tool for tool in everyone if tool.installed]
    out.mkdir(parents=True, exist_ok=True)
    place = environment(root, out.resolve())  # now, for what runs is what was loaded
    with progress(2 * len(kinds) + len(SIZES) + 1) as advance:
        hunted, alarms = score(Arena(subject, kinds, seed), ready, advance)
        times = speed(subject, ready, seconds, advance)
        advance("single facts")
        told = facts(subject, {tool.name: tool for tool in ready})
    results = output.Results(hunted, alarms, times, told)
    rows = output.table(results, everyone)
    output.show(rows)
    output.write(out, results, rows, output.about(place, results, everyone, rows, seed))


def _kinds(subject: Subject, layers: str) -> list[type]:
    kinds = {n: k for n, k in subject.layers.items() if k is not subject.net}
    names = [name for name in layers.split(",") if name] or list(kinds)
    for name in names:
        if name not in kinds:
            raise Unknown(f"unknown layer {name!r}; there are {', '.join(kinds)}")
    return [kinds[name] for name in names]
