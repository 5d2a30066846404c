"""The judge judged: every wrong backward that can be made from a right one is found."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="mutants are judged against torch")

from benchmarks.rivals.output_mutants import (
    Call,
    Grads,
    Hunt,
    Mutation,
    hunt,
    mutations,
    planted,
    wirings,
)
from gradproof.campaign.search import drawn as all_drawn
from gradproof.campaign.sensitivity import sensitivity
from gradproof.cases.case import Case
from gradproof.subject.subject import Subject
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.net import Net
from tests.command import GRADPROOF, ROOT, python
from tests.planted import SUBJECT, judged

DRAWS = 80
"""Cases of each layer, fewer than the default profile draws; about half of them are float64."""

LAYERS = [name for name, kind in SUBJECT.layers.items() if kind is not Net]
KINKED = set(
    """ELU SELU Hardtanh ReLU6 Hardsigmoid Hardswish Softshrink Hardshrink ReLU LeakyReLU PReLU
    RReLU Threshold Max L1Loss SmoothL1Loss""".split()
)
ALWAYS = {"sign", "slip", "zeroed"}
"""Mutations that change the gradients of any layer."""


def drawn(subject: Subject, kind: type, count: int) -> list[Case]:
    """Those in float64, in which a slip of 1e-6 is no rounding."""
    return [case for case in all_drawn(subject, kind, count) if case.dtype == "float64"]


def hunts(kind: type, tried: Sequence[Mutation], cases: Sequence[Case]) -> list[Hunt]:
    found = [hunt(SUBJECT, kind, mutation, cases) for mutation in tried]
    survivors = [
        f"{h.mutation} changed {h.changed} of {h.drawn} cases, and nothing was found"
        for h in found
        if h.outcome == "survived"
    ]
    assert not survivors, "\n".join(survivors)
    alarms = [f"{h.mutation}: {f.kind} {f.quantity}, {f.cause}" for h in found for f in h.alarms]
    assert not alarms, "\n".join(["faults where only rounding differs:", *alarms])
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_every_mutant_of_a_layer_is_killed(name: str) -> None:
    kind = SUBJECT.layers[name]
    cases = drawn(SUBJECT, kind, DRAWS)
    found = hunts(kind, mutations(cases), cases)
    assert {h.mutation.name for h in found if h.outcome == "killed"} >= ALWAYS
    for h in found:
        if h.mutation.name in ALWAYS:
            assert h.outcome == "killed", f"{h.mutation} changed nothing in {h.drawn} cases"
        if h.killer is not None:
            assert h.killer.kind == name
            assert h.killer.quantity in h.mutation.quantities or not h.mutation.quantities
    if name in KINKED:
        assert any(h.outcome == "killed" for h in found if h.mutation.name.startswith("kink"))


def test_sums_are_missed_where_there_are_sums() -> None:
    cases = drawn(SUBJECT, Linear, DRAWS)
    unsummed = [m for m in mutations(cases) if m.name == "unsummed"]
    assert [h.outcome for h in hunts(Linear, unsummed, cases)] == ["killed"] * 3


def test_every_wrong_wiring_is_killed() -> None:
    cases = drawn(SUBJECT, Net, DRAWS)
    for h in hunts(Net, wirings(), cases):
        assert h.killer is not None, f"{h.mutation} changed nothing"
        assert h.killer.kind == "Net", f"{h.mutation} is blamed on {h.killer.kind}"


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
    smallest = sensitivity(SUBJECT, Tanh, cases=6)
    assert smallest["float64"] < 1e-12
    assert 1e-7 < smallest["float32"] < 1e-3
    cases = drawn(SUBJECT, Tanh, 20)
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
