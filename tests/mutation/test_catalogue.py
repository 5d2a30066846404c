"""The catalogue: every planted bug is one, the judge finds it where it is, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="planted bugs are judged against torch")

from gradproof.arrays import frozen
from gradproof.campaign.plan import PROFILES
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.case import Case, received
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import Judgement
from gradproof.mutation.bug import Bug, find, source_of
from gradproof.oracle.optimizer import flat
from gradproof.subject import passes
from tests.catalogue import CAUSES, FOLDER, CatalogueError, bugs, harmless
from tests.planted import SUBJECT

LEAST = 150
"""Planted bugs, at the least."""

GROSS = {"float64": 1e-9, "float32": 1e-2}
"""Entries that differ by less, relative to themselves, count as rounding."""

KINDS = [*SUBJECT.layers, *(kind.__name__ for kind in SUBJECT.optimizers)]
BUGS, HARMLESS = bugs(), harmless()
ALL = [*BUGS, *(bug for bug, _ in HARMLESS)]

Made = dict[str, Any]
"""Arrays by name: outputs and gradients, or parameters and state after each step."""


@dataclass(frozen=True)
class Seen:
    """A drawn case: how to judge it again, and to make its arrays; and the right ones."""

    judge: Callable[[], Judgement]
    make: Callable[[], Made]
    right: Made


@cache
def drawn(kind: str) -> list[Seen]:
    """As many cases as the default profile draws of each layer, and the quick one networks."""
    source, count = "layer", PROFILES["default"].cases
    if kind == SUBJECT.net.__name__:
        source, count = "network", PROFILES["quick"].networks
    elif kind not in SUBJECT.layers:
        source = "optimizer"
    task = Task(source, kind, count, 0)
    found = (drawn.judgement for drawn in judged(SUBJECT, task, shrink=False))
    return [_seen(judgement) for judgement in found if not judgement.flagged]


def _seen(judgement: Judgement) -> Seen:
    case = judgement.case
    if isinstance(case, OptimizerCase):
        make = partial(updates, case, list(starts(case)))
    else:
        make = partial(gradients, case)
    return Seen(partial(judge, SUBJECT, case), make, make())


def gradients(case: Case) -> Made:
    try:
        with np.errstate(all="ignore"):
            ran = passes.forward(case.layer, received(case))
            made = passes.backward(case.layer, ran, case.dy)
    except passes.Misconduct as error:
        return {"raised": np.array(str(error))}
    return {f"output {i}": y.copy() for i, y in enumerate(ran.outputs)} | made


def starts(case: OptimizerCase) -> Iterator[tuple[Any, Any]]:
    """Parameters and state before each step."""
    params, state = case.arrays, {}
    for step in range(len(case.scales)):
        yield params, state
        params, state = case.optimizer.step(params, case.grads(step), state)
        for array in flat(params, state).values():
            frozen(array)


def updates(case: OptimizerCase, starts: list[tuple[Any, Any]]) -> Made:
    """Parameters and state after each step, from the right ones before it."""
    made: Made = {}
    for step, (params, state) in enumerate(starts):
        try:
            with np.errstate(all="ignore"):
                new = flat(*case.optimizer.step(params, case.grads(step), state))
        except Exception as error:  # noqa: BLE001  (whatever a bug raises)
            return {"raised": np.array(str(error))}
        made |= {f"{step} {name}": array for name, array in new.items()}
    return made


def same(made: Made, right: Made) -> bool:
    return made.keys() == right.keys() and all(
        a.dtype == right[n].dtype and np.array_equal(a, right[n], equal_nan=a.dtype.kind == "f")
        for n, a in made.items()
    )


def gross(made: Made, right: Made, long_sums: bool = False) -> bool:
    """Whether names, shapes, dtypes or values differ by more than rounding.

    long_sums    whether an entry may be what is left of terms as large as the largest entry
    """
    if made.keys() != right.keys():
        return True
    for name, a in made.items():
        b = right[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            return True
        if b.dtype.kind == "f":
            with np.errstate(all="ignore"):
                size = np.maximum(np.abs(a), np.abs(b))
                size = size.max(initial=0.0) if long_sums else size
                far = np.abs(a - b) > GROSS[b.dtype.name] * size
            far |= (np.isnan(a) != np.isnan(b)) | (np.isinf(a) != np.isinf(b))
            far |= np.isinf(a) & (a != b)
            if far.any():
                return True
    return False


@dataclass
class Hunt:
    """What came of a bug: in how many cases it changed anything grossly, and the judgement."""

    changed: int = 0
    killed: Judgement | None = None


def hunt(bug: Bug) -> Hunt:
    """Judge with the bug planted, up to the first fault; first where it changes anything."""
    found = Hunt()
    there = drawn(bug.kind)  # before the bug is
    with bug.planted():
        cases = []
        for seen in there:
            made = seen.make()
            far = gross(made, seen.right)
            found.changed += far
            cases.append((not far, same(made, seen.right), seen))
        for _, _, seen in sorted(cases, key=lambda case: case[:2]):
            judgement = seen.judge()
            if judgement.flagged:
                found.killed = judgement
                break
    return found


def place(quantity: str) -> str:
    """What the catalogue calls it: param for p0, exp_avg for p0.exp_avg."""
    return re.sub(r"^p\d+$", "param", re.sub(r"^p\d+\.", "", quantity))


def check(bug: Bug) -> str:
    """What is wrong with a bug or with the judge; "" if it is a bug and found where it is."""
    found = hunt(bug)
    if found.killed is None:
        return f"changed {found.changed} of {len(drawn(bug.kind))} cases, and nothing was found"
    culprit = found.killed.culprit
    assert culprit is not None
    faults = [f for f in found.killed.findings if f.failed]
    compared = {f.quantity: f.comparison for f in faults if f.comparison is not None}
    made = {q: c.manual for q, c in compared.items()}
    right = {q: c.reference for q, c in compared.items()}
    if len(compared) == len(faults) and not gross(made, right):
        return "is flagged where nothing differs by more than rounding"
    if culprit.kind != bug.kind:
        return f"is blamed on {culprit.kind}"
    where = {place(f.quantity) for f in faults}
    if bug.quantities and not where <= {*bug.quantities, "backward"}:
        return f"is found in {', '.join(where)}: {culprit.cause}"
    return ""


@pytest.mark.parametrize("bug", ALL, ids=lambda bug: bug.name)
def test_it_can_be_planted(bug: Bug) -> None:
    assert bug.source() != source_of(find(bug.function))
    with bug.planted():
        pass


def test_there_are_bugs_of_every_kind() -> None:
    assert len(BUGS) >= LEAST
    counts = {kind: sum(bug.kind == kind for bug in BUGS) for kind in KINDS}
    assert not {kind: n for kind, n in counts.items() if n < 2}
    assert {bug.kind for bug in ALL} <= set(KINDS)


def test_names_and_causes() -> None:
    names = [bug.name for bug in ALL]
    assert len(names) == len(set(names))
    assert {bug.cause for bug in BUGS} == set(CAUSES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_bug_is_found(kind: str) -> None:
    wrong = {bug.name: check(bug) for bug in BUGS if bug.kind == kind}
    assert not {name: said for name, said in wrong.items() if said}


@pytest.mark.parametrize(("bug", "why"), HARMLESS, ids=[bug.name for bug, _ in HARMLESS])
def test_what_is_no_bug_is_not_flagged(bug: Bug, why: str) -> None:
    there = drawn(bug.kind)
    with bug.planted():
        for seen in there:
            assert not gross(seen.make(), seen.right, long_sums=True), why
            assert not seen.judge().flagged, why


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('cause = "mean"', 'cause = "means"', "cause is one of sign, factor"),
        ('cause = "mean"', "", "cause is missing"),
        ('cause = "mean"', "cause = 1", "cause is a str, not 1"),
        ('cause = "mean"', 'cause = "mean"\nwhy = "?"', "there is no field why"),
        (
            "manual.layers.linear:",
            "manual.layers.shape:",
            "function is none of manual.layers.linear",
        ),
        ("[linear-bias-mean]", "linear-bias-mean = 1\n[more]", "a bug is a table"),
        ("[linear-bias-mean]", "[linear-bias-mean", "is no TOML"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (FOLDER / "layers/linear.toml").read_text(encoding="utf-8")
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers/linear.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueError, match=re.escape(said)) as caught:
        bugs(tmp_path)
    assert str(caught.value).startswith("linear.toml")


def test_a_name_is_used_once(tmp_path: Path) -> None:
    text = (FOLDER / "layers/linear.toml").read_text(encoding="utf-8")
    (tmp_path / "layers").mkdir()
    for name in ("linear", "shape"):
        moved = text.replace("manual.layers.linear:", f"manual.layers.{name}:")
        (tmp_path / f"layers/{name}.toml").write_text(moved, encoding="utf-8")
    with pytest.raises(CatalogueError, match="another file has a bug of that name"):
        bugs(tmp_path)
