"""The calibration's figures are of what is judged, and react to it."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the noise is torch's")

from benchmarks.calibrate import CS, main
from benchmarks.noise_ratios import CHEAP_TAKEN, THOROUGH_TAKEN
from gradproof.campaign.sensitivity import sensitivity
from gradproof.campaign.task import Task
from manual.layers.linear import Linear
from manual.losses.binary_cross_entropy import BCELoss
from tests.planted import SUBJECT, case_of, judged, normal

ALL = max(CHEAP_TAKEN), max(THOROUGH_TAKEN)
Figures = dict[tuple[str, int, int, int], tuple[int, int, float]]


def figures(out: Path, *options: str) -> tuple[Figures, dict[str, Any]]:
    """By dtype, samples and C: arrays, alarms and the smallest error caught; and the JSON."""
    assert main([*options, "--out", str(out)]) == 0
    with (out / "calibration.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {
        (r["dtype"], int(r["cheap"]), int(r["thorough"]), int(r["c"])): (
            int(r["arrays"]),
            int(r["alarms"]),
            float(r["smallest_caught"]),
        )
        for r in rows
    }
    assert len(found) == len(rows) == 2 * len(CHEAP_TAKEN) * len(THOROUGH_TAKEN) * len(CS)
    return found, json.loads((out / "calibration.json").read_text(encoding="utf-8"))


def alarms(found: Figures, c: int, samples: tuple[int, int] = ALL) -> int:
    return sum(n for (*key, at), (_, n, _) in found.items() if (*key[1:], at) == (*samples, c))


def test_more_samples_and_a_larger_bound_flag_less(tmp_path: Path) -> None:
    found, about = figures(tmp_path, "--layers", "Tanh,Softmax,Net", "--cases", "8", "--networks=4")
    assert about["counts"]["networks"] == 4 and about["counts"]["layer cases"] == 16
    assert about["counts"]["planted errors"] >= 8
    arrays = {(dtype, n) for (dtype, *_), (n, _, _) in found.items()}
    assert sum(n for _, n in arrays) == about["counts"]["arrays"] >= 16 * 2 + 4 * 6
    assert alarms(found, 16) == 0
    assert alarms(found, 1, (0, 0)) > alarms(found, 1)
    by_c, by_thorough = defaultdict(list), defaultdict(list)
    for (dtype, cheap, thorough, c), (_, n, caught) in found.items():
        by_c[dtype, cheap, thorough].append((c, -n, caught))
        by_thorough[dtype, cheap, c].append((thorough, -n, caught))
    for rows in (*by_c.values(), *by_thorough.values()):
        for column in zip(*rows, strict=True):
            assert [*column] == sorted(column)
    worst = {dtype: those[0]["floors"] for dtype, those in about["worst"].items()}
    for c in CS:
        assert (alarms(found, c) == 0) == (max(worst.values()) <= c)


def test_a_noisy_reference_is_flagged_by_a_small_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def noisy(layer: Any, *tensors: Any) -> Any:
        y = SUBJECT.twin(layer, *tensors)
        return y * (1 + 4 * torch.finfo(y.dtype).eps)

    options = "--layers", "Tanh", "--cases", "12"
    right, _ = figures(tmp_path / "right", *options)
    monkeypatch.setattr(
        "gradproof.subject.load.load_subject", lambda _: replace(SUBJECT, twin=noisy)
    )
    found, about = figures(tmp_path / "noisy", *options)
    assert alarms(found, 1) > alarms(right, 1) + 10
    assert alarms(found, 1) > alarms(found, 2) > alarms(found, 16) == 0
    assert {w["kind"] for those in about["worst"].values() for w in those} == {"Tanh"}


def test_the_smallest_error_is_the_one_that_the_judge_notices(tmp_path: Path) -> None:
    found, _ = figures(tmp_path, "--layers", "Tanh", "--cases", "40")
    for dtype, decade in sensitivity(SUBJECT, Task("sensitivity", "Tanh", 10, 0)).items():
        _, _, caught = found[dtype, *ALL, 16]
        assert decade / 100 < caught <= 10 * decade


def test_a_long_sum_of_equal_numbers_is_only_rounded() -> None:
    row = np.broadcast_to(normal(1, 4), (1296, 4))
    arrays = {"x": normal(1296, 3), "weight": normal(4, 3), "bias": normal(4)}
    case = replace(case_of(Linear(), **arrays), dy=(row,))
    assert judged(case).culprit is None


def test_what_underflows_before_a_division_is_only_rounded() -> None:
    case = case_of(BCELoss("none"), "float32", x=np.array([1.3894934e-34]), target=np.zeros(1))
    case = replace(case, dy=(np.array([3.0637199e-09], dtype="float32"),))
    assert judged(case).culprit is None


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--layers", "Lineal", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("calibrate: unknown layer 'Lineal'; there are ")
    (tmp_path / "file").write_text("mine")
    few = "--layers", "Tanh", "--cases", "1"
    assert main([*few, "--out", str(tmp_path / "file")]) == 2
    assert "calibrate: cannot write the figures: " in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["--cases", "0"])
    assert left.value.code == 2
