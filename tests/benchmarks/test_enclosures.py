"""The published evidence: both sides against what is proved, and where PyTorch is not accurate."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import enclosures
from benchmarks.proved import SIDES, networks
from benchmarks.torch_accuracy import NOTEWORTHY, at_points, is_elementwise, sweep
from manual.layers.activation_hard import Hardsigmoid, Hardtanh
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.layers.shape import Transpose
from manual.layers.softmax import Softmax
from tests.planted import SUBJECT, break_gradient


def test_what_is_written(tmp_path: Path) -> None:
    assert enclosures.main(["--networks", "8", "--seed", "3", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "enclosures.csv",
        "enclosures.json",
    ]
    with (tmp_path / "enclosures.csv").open(encoding="utf-8", newline="") as file:
        *rows, total = csv.DictReader(file)
    about = json.loads((tmp_path / "enclosures.json").read_text(encoding="utf-8"))
    assert total["layer"] == "all"
    for count in ("entries", "proved", "kink", "undecided", "convention", "cancelled"):
        assert sum(int(row[count]) for row in rows) == int(total[count]) == about[count]
    assert about["networks"] == 8
    assert about["beyond"] == {"manual": 0, "autograd": 0}
    assert about["environment"]["python-flint"]
    for side in SIDES:
        clear = about["proved"] - about["cancelled"]
        assert sum(about["ulps"][side].values()) == clear > 0
        assert 0 < about["worst_share_of_the_bound"][side] <= 1


def test_a_wrong_gradient_is_beyond_its_bound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, s, d: g["weight"] * (1 + 1e-9))
    found = list(islice(networks(SUBJECT, 3), 12))
    beyond = {s: sum(int(g.beyond(s).sum()) for n in found for g in n.gradients) for s in SIDES}
    assert beyond["manual"] > 0 == beyond["autograd"]
    monkeypatch.setattr(enclosures, "draw", lambda count, seed: found)
    assert enclosures.main(["--out", str(tmp_path)]) == 1


def test_noise_is_sampled_until_the_proof_is_reached() -> None:
    """That the sides agree with each other says nothing of their distance from the truth."""
    found = list(islice(networks(SUBJECT, 0), 60))
    assert not any(g.beyond(side).any() for n in found for g in n.gradients for side in SIDES)


@pytest.mark.parametrize("wrong", [["--networks", "0"], ["--seed", "-1"]])
def test_bad_input(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        enclosures.main(wrong)
    assert status.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_without_python_flint_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(enclosures, "available", lambda: False)
    assert enclosures.main([]) == 2
    assert "python-flint is missing" in capsys.readouterr().err


def test_distances_are_counted_by_powers_of_two() -> None:
    counted = enclosures._histogram(np.array([0.0, 1e-9, 1.0, 1.5, 2.0]))
    assert counted == {"0": 1, "2^-4": 1, "2^-3": 0, "2^-2": 0, "2^-1": 0, "2^0": 1, "2^1": 2}


def test_element_wise_functions_are_found() -> None:
    for layer, yes in ((Tanh(), True), (Softmax(dim=0), False), (Transpose(0, 1), False)):
        assert is_elementwise(layer) is yes


def test_torchs_rounded_constant_is_found() -> None:
    """See docs/decisions/004: a 1/6 in single precision, of which 2⁻²⁵ is lost."""
    only: Any = replace(SUBJECT, rules={Hardsigmoid: SUBJECT.rules[Hardsigmoid]})
    worst, *kinks = sweep(only)
    assert (worst.function, worst.dtype, worst.kind) == ("Hardsigmoid", "float64", "inaccurate")
    assert worst.ulps > NOTEWORTHY
    assert 2.0**-26 < worst.relative_error < 2.0**-24
    assert [(row.x, row.kind) for row in kinks] == [(-3.0, "convention"), (3.0, "convention")]


def test_a_convention_lies_between_the_one_sided_derivatives() -> None:
    rows = [r for r in at_points(SUBJECT, Hardtanh(), "float64") if r.kind == "convention"]
    assert [(r.x, r.low, r.high, r.gradient) for r in rows] == [
        (-1.0, 0.0, 1.0, 0.0),
        (1.0, 0.0, 1.0, 0.0),
    ]
