"""The judge judged: every wrong backward that can be made from a right one is found."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="mutants are judged against torch")

from benchmarks.rivals.output_mutants import Call, Grads, Mutation, mutations, planted, wirings
from gradproof.campaign.search import right_cases as drawn
from gradproof.campaign.sensitivity import sensitivity
from gradproof.campaign.task import Task
from gradproof.cases.case import Case
from gradproof.mutation.hunt import Grounds, Hunted, hunt
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.net import Net
from tests.command import GRADPROOF, ROOT, python
from tests.planted import SUBJECT, judged

DRAWS = 80
"""Cases of each layer, fewer than the default profile draws; about half of them are float64."""
LIMIT = 60.0
"""Seconds for one mutant."""

LAYERS = [name for name, kind in SUBJECT.layers.items() if kind is not Net]
KINKED = set(
    """ELU SELU Hardtanh ReLU6 Hardsigmoid Hardswish Softshrink Hardshrink ReLU LeakyReLU PReLU
    RReLU Threshold Max L1Loss SmoothL1Loss""".split()
)
ALWAYS = {"sign", "slip", "zeroed"}
"""Mutations that change the gradients of any layer."""


@dataclass(frozen=True)
class Wrong:
    """A mutation of every layer of a kind, as a bug that can be hunted."""

    kind: type
    mutation: Mutation

    def planted(self) -> AbstractContextManager[None]:
        return planted(self.kind, self.mutation)


def hunts(grounds: Grounds, kind: type, tried: Sequence[Mutation]) -> list[tuple[Mutation, Hunted]]:
    bugs = [Wrong(kind, mutation) for mutation in tried]
    found = [hunt(grounds, b, [kind.__name__], LIMIT, shrink=False, every=False) for b in bugs]
    survivors = [
        f"{mutation}: {h.outcome} in {h.examples} cases"
        for mutation, h in zip(tried, found, strict=True)
        if h.outcome not in ("killed", "equivalent")
    ]
    assert not survivors, "\n".join(survivors)
    return [*zip(tried, found, strict=True)]


def in_double(grounds: Grounds, kind: str) -> list[Case]:
    """Cases in which a slip of 1e-6 is no rounding."""
    return [g.case for g in grounds.of(kind) if g.case.dtype == "float64"]


@pytest.mark.parametrize("name", LAYERS)
def test_every_mutant_of_a_layer_is_killed(name: str) -> None:
    grounds = Grounds(SUBJECT, DRAWS, 0, 0)
    found = hunts(grounds, SUBJECT.layers[name], mutations(in_double(grounds, name)))
    killed = [(mutation, h) for mutation, h in found if h.outcome == "killed"]
    assert {mutation.name for mutation, _ in killed} >= ALWAYS
    for mutation, h in found:
        if mutation.name in ALWAYS:
            assert h.outcome == "killed", f"{mutation} changed nothing in {h.examples} cases"
    for mutation, h in killed:
        assert h.kind == name
        assert h.quantity in mutation.quantities or not mutation.quantities
    if name in KINKED:
        assert any(mutation.name.startswith("kink") for mutation, _ in killed)


def test_sums_are_missed_where_there_are_sums() -> None:
    grounds = Grounds(SUBJECT, DRAWS, 0, 0)
    unsummed = [m for m in mutations(in_double(grounds, "Linear")) if m.name == "unsummed"]
    assert [h.outcome for _, h in hunts(grounds, Linear, unsummed)] == ["killed"] * 3


def test_every_wrong_wiring_is_killed() -> None:
    for mutation, h in hunts(Grounds(SUBJECT, 0, DRAWS, 0), Net, wirings()):
        assert h.outcome == "killed", f"{mutation} changed nothing"
        assert h.kind == "Net", f"{mutation} is blamed on {h.kind}"


def test_a_mutant_leaves_no_trace() -> None:
    before = {kind: dict(vars(kind)) for kind in SUBJECT.rules}
    for kind in SUBJECT.rules:
        with planted(kind, Mutation("none", (), lambda call: call.grads)):
            assert dict(vars(kind)) != before[kind]
    assert {kind: dict(vars(kind)) for kind in SUBJECT.rules} == before


def slipped(size: float) -> Mutation:
    """A relative error of this size in the largest entry of a gradient."""

    def change(call: Call) -> Grads:
        grads = dict(call.grads)
        for name, g in grads.items():
            if g.size:
                grads[name] = np.array(g)
                grads[name].flat[np.abs(g).argmax()] *= 1 + size
        return grads

    return Mutation("slipped", (), change)


def noticed(size: float, cases: Sequence[Case]) -> float:
    """The share of the cases in which the error is found."""
    with planted(Tanh, slipped(size)):
        return float(np.mean([judged(case).culprit is not None for case in cases]))


def test_sensitivity_is_what_the_judge_notices() -> None:
    smallest = sensitivity(SUBJECT, Task("sensitivity", "Tanh", 12, 1))
    assert smallest["float64"] < 1e-12
    assert 1e-7 < smallest["float32"] < 1e-3
    cases = [case for case in drawn(SUBJECT, Tanh, 20) if case.dtype == "float64"]
    assert noticed(10 * smallest["float64"], cases) > 0.5
    assert noticed(smallest["float64"] / 100, cases) == 0


PARTS = ("manual", "reference", "gradproof", "tests", "reports", "pyproject.toml")


def test_a_sign_in_the_source_is_found_named_and_replayed(tmp_path: Path) -> None:
    leave = shutil.ignore_patterns("__pycache__", "latest", "runs")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tmp_path / part, ignore=leave)
        else:
            shutil.copy(ROOT / part, tmp_path / part)
    source = tmp_path / "manual" / "layers" / "activation_sigmoid.py"
    right, wrong = "1 - y * y", "y * y - 1"
    text = source.read_text(encoding="utf-8")
    assert text.count(right) == 1, "Tanh's backward has been rewritten: change this test with it"
    source.write_text(text.replace(right, wrong), encoding="utf-8")

    options = ["--profile", "quick", "--layers", "Tanh", "--jobs", "1"]
    verified = python(tmp_path, tmp_path, "-c", GRADPROOF, "verify", *options)
    assert verified.returncode == 1, verified.stdout + verified.stderr
    first = re.search(r"^(\w+) disagrees with PyTorch", verified.stdout, re.MULTILINE)
    assert first is not None and first[1] == "Tanh", verified.stdout
    again = re.search(r"^ +again +gradproof (replay .+)$", verified.stdout, re.MULTILINE)
    assert again is not None, verified.stdout
    replayed = python(tmp_path, tmp_path, "-c", GRADPROOF, *shlex.split(again[1]))
    assert replayed.returncode == 1, replayed.stdout + replayed.stderr
    assert "Tanh disagrees with PyTorch" in replayed.stdout
