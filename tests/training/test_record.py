"""The recorded training runs: what agrees is said to agree, and what is wrong is noticed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from gradproof.storage.rows import Agreement, Trajectory
from gradproof.subject.subject import Subject
from gradproof.training.free import Free
from gradproof.training.record import record
from gradproof.training.sides import WHOLE, Reference, Training, manual_step, one_ulp_away
from manual.layer import Array, Grads, Saved
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.losses.cross_entropy import CrossEntropyLoss
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from reports.training import ARCHITECTURES, OPTIMIZERS, dense, training, trajectories
from tests.subject import subject

STEPS = 12


def recorded(folder: Path, made: Training, steps: int = STEPS, seed: int = 0) -> Recorded:
    (folder / "parts").mkdir()
    (folder / "counterexamples").mkdir()
    judged: Subject = replace(subject(), trajectories=lambda profile, seed: [made])
    outcome = record(judged, folder, "run", 0, steps, seed)
    return Recorded(
        outcome,
        list(_rows(folder / "parts/trajectories-0.jsonl", Trajectory)),
        list(_rows(folder / "parts/agreement-trajectory-0.jsonl", Agreement)),
    )


@dataclass
class Recorded:
    outcome: dict[str, Any]
    rows: list[Trajectory]
    compared: list[Agreement]

    def bad(self, mode: str) -> list[Trajectory]:
        return [r for r in self.rows if r.mode == mode and r.verdict == "disagree"]


def _rows(path: Path, schema: type) -> Iterator[Any]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return (schema(**dict(zip(lines[0], line, strict=True))) for line in lines[1:])


def run_on(dataset: str, which: int, rule: Any, dtype: str = "float64") -> Training:
    return training(dataset, ARCHITECTURES[dataset][which], rule, dtype, 0)


@pytest.mark.parametrize(
    ("dataset", "which", "rule", "dtype"),
    [
        ("digits", 0, SGD(lr=0.1), "float64"),
        ("diabetes", 2, Adam(lr=0.01), "float64"),
        ("breast cancer", 2, OPTIMIZERS[-1], "float64"),
        ("breast cancer", 0, OPTIMIZERS[2], "float32"),
    ],
)
def test_right_runs_agree(tmp_path: Path, dataset: str, which: int, rule: Any, dtype: str) -> None:
    made = run_on(dataset, which, rule, dtype)
    run = recorded(tmp_path, made)
    assert run.outcome["verdicts"] == {"agree": 2}
    assert run.outcome["counterexamples"] == []
    assert {r.verdict for r in run.rows} == {"agree"}
    assert {(r.mode, r.step) for r in run.rows} == {
        (mode, step) for mode in ("locked", "free") for step in range(1, STEPS + 1)
    }
    assert {r.layer for r in run.rows} == set(made.layers)
    assert WHOLE in made.layers
    assert all(r.null_divergence > 0 for r in run.rows)
    assert {a.verdict for a in run.compared} <= {"agree", "vacuous"}
    assert {a.dtype for a in run.compared} == {dtype}
    accuracy = run.outcome["extra"]["accuracy"]
    assert [a["mode"] for a in accuracy] == ["locked", "free"]
    assert all(a["manual"] == pytest.approx(a["reference"], abs=0.05) for a in accuracy)


def test_the_same_run_twice_has_the_same_rows(tmp_path: Path) -> None:
    made = run_on("diabetes", 1, Adam(lr=0.01))
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        runs.append(recorded(tmp_path / name, made))
    assert runs[0].rows == runs[1].rows
    assert repr(runs[0].compared) == repr(runs[1].compared)


@pytest.mark.parametrize("mistake", [1e-6, 1e-10])
@pytest.mark.parametrize(("which", "layer"), [(0, Linear), (1, Tanh)])
def test_a_slip_in_one_backward_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int, layer: type, mistake: float
) -> None:
    right = layer.backward  # type: ignore[attr-defined]

    def backward(self: Any, saved: Saved, dy: Array) -> Grads:
        grads = dict(right(self, saved, dy))
        grads["x"] = grads["x"] * (1 + mistake)
        return grads

    monkeypatch.setattr(layer, "backward", backward)
    run = recorded(tmp_path, run_on("digits", which, SGD(lr=0.1)), steps=3)
    assert run.outcome["verdicts"] == {"disagree": 2}
    assert {r.step for r in run.bad("locked")} == {1, 2, 3}
    assert {r.step for r in run.bad("free")} == {1, 2, 3}
    (counterexample,) = run.outcome["counterexamples"]
    assert counterexample.startswith(f"counterexamples/{layer.__name__}-x-")
    assert (tmp_path / counterexample).is_file()
    # The layer after the slip is not to blame.
    assert {r.layer for r in run.bad("free")} & {"h1", WHOLE} == {"h1", WHOLE}
    last = "h2" if which == 0 else "h3"
    assert last not in {r.layer for r in run.bad("locked")}


def test_a_wrong_bias_correction_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """β where βᵗ should be: right at the first step."""
    right = Adam.update

    def update(self: Adam, param: Array, grad: Array, memory: dict[str, Any]) -> Any:
        new, _ = right(self, param, grad, {**memory, "step": np.float32(0)})
        return new, right(self, param, grad, memory)[1]

    monkeypatch.setattr(Adam, "update", update)
    run = recorded(tmp_path, run_on("diabetes", 0, Adam(lr=0.01)), steps=4)
    for mode in ("locked", "free"):
        assert {r.step for r in run.bad(mode)} == {2, 3, 4}
    assert {a.kind for a in run.compared if a.verdict == "disagree"} == {"Adam"}
    (counterexample,) = run.outcome["counterexamples"]
    assert counterexample.startswith("counterexamples/Adam-")


def test_a_state_that_is_not_kept_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = SGD.update
    monkeypatch.setattr(SGD, "update", lambda *given: (right(*given)[0], {}))
    run = recorded(tmp_path, run_on("diabetes", 0, SGD(lr=0.01, momentum=0.9)), steps=3)
    assert {r.step for r in run.bad("locked")} == {1, 2, 3}
    assert {r.step for r in run.bad("free")} == {2, 3}


def test_a_network_that_fails_is_an_error_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backward(self: Any, saved: Saved, dy: Array) -> Grads:
        raise FloatingPointError("no")

    monkeypatch.setattr(Tanh, "backward", backward)
    run = recorded(tmp_path, run_on("digits", 1, SGD(lr=0.1)), steps=3)
    assert run.outcome["verdicts"] == {"disagree": 1, "error": 1}
    assert {a.cause for a in run.compared if a.verdict == "error"} == {
        "backward raised FloatingPointError: no"
    }
    assert {(r.mode, r.verdict) for r in run.rows if r.layer == WHOLE} == {
        ("locked", "disagree"),
        ("free", "error"),
    }
    assert len(run.outcome["counterexamples"]) == 1


def test_a_run_that_overflows_on_both_sides_is_vacuous(tmp_path: Path) -> None:
    run = recorded(tmp_path, run_on("diabetes", 1, SGD(lr=1e200)), steps=4)
    assert run.outcome["verdicts"].keys() <= {"vacuous", "agree"}
    assert run.outcome["verdicts"]["vacuous"] >= 1


# Apart: the rule on which a divergence is judged.


def near_a_kink(slope: float) -> tuple[Training, dict[str, Array]]:
    """A training whose only unit is on at its start, and parameters close by where it is off."""
    made = run_on("digits", 0, SGD(lr=0.1))
    batch = {"x": np.ones((1, 2)), "target": np.zeros(1, dtype=np.int64)}
    architecture = dense((2, 1, 2), ReLU(), CrossEntropyLoss())
    start = {
        "h1.weight": np.array([[1.0, -1.0]]),
        "h1.bias": np.array([1e-12]),
        "h2.weight": np.array([[slope], [-slope]]),
        "h2.bias": np.array([0.1, 0.2]),
    }
    made = replace(made, net=architecture.net, params=start, batches=lambda step: batch)
    return made, {**start, "h1.bias": np.array([-1e-12])}


def test_a_kink_between_two_right_runs_is_excused() -> None:
    made, off = near_a_kink(1.0)
    reference = Reference(subject(), made)
    free = Free(reference, made, 0)
    free.params = off  # as if rounding had taken it there
    batch = made.batches(1)
    ((expected, _),) = reference.steps([(dict(made.params), {})], batch)
    step = free.step(batch, {}, expected)
    assert step.distance["h1"] > 0.01, "no kink was crossed"
    assert set(step.verdicts.values()) == {"agree"}
    assert free.excused == 1
    assert step.null["h1"] == pytest.approx(step.distance["h1"])


def test_a_wrong_step_is_not_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = near_a_kink(1.0)
    right = ReLU.backward
    monkeypatch.setattr(ReLU, "backward", lambda *given: {"x": right(*given)["x"] + 1e-9})
    reference = Reference(subject(), made)
    free = Free(reference, made, 0)
    batch = made.batches(1)
    place: Any = (dict(made.params), {})
    (place,) = reference.steps([place], batch)
    step = free.step(batch, {}, place[0])
    assert step.verdicts == {"h1": "disagree", "h2": "agree", WHOLE: "disagree"}
    assert free.excused == 0
    (place,) = reference.steps([place], batch)
    again = free.step(batch, {}, place[0])
    assert again.verdicts["h1"] == "disagree", "what is wrong is not excused later"


# The pieces.


def test_one_ulp_away() -> None:
    for dtype in (np.float32, np.float64):
        params = {"a": np.random.default_rng(0).standard_normal((50, 4)).astype(dtype)}
        moved = one_ulp_away(params, 1)["a"]
        assert moved.dtype == dtype
        assert (np.abs(moved - params["a"]) <= np.spacing(np.abs(params["a"]))).all()
        assert (moved != params["a"]).all()
        assert (moved != one_ulp_away(params, 2)["a"]).any()


def test_both_sides_take_the_same_first_step() -> None:
    made = run_on("breast cancer", 2, Adam(lr=0.01))
    params: Mapping[str, Array] = made.params
    mine = manual_step(made, dict(params), {}, made.batches(1))
    ((other, _), _) = Reference(subject(), made).steps([(dict(params), {})] * 2, made.batches(1))
    assert mine.params.keys() == other.keys()
    for name, p in other.items():
        np.testing.assert_allclose(mine.params[name], p, rtol=1e-9, atol=1e-12)


def test_every_optimiser_runs_on_every_data_set() -> None:
    runs = trajectories("default", 0)
    assert len(runs) == len(trajectories("deep", 0)) >= 36
    made = [runs[i] for i in range(len(runs))]
    kinds = {type(t.optimizer) for t in made}
    assert kinds == set(subject().optimizers)
    datasets = {t.dataset for t in made}
    assert {(type(t.optimizer), t.dataset) for t in made} == {
        (kind, dataset) for kind in kinds for dataset in datasets
    }
    names = [(t.dataset, t.network, t.optimizer_name) for t in made]
    assert len(set(names)) == len(names)
    assert {t.dtype.name for t in made} == {"float64", "float32"}
    for name, architectures in ARCHITECTURES.items():
        used = {t.network for t in made if t.dataset == name}
        assert {a.name for a in architectures} <= used


def test_the_quick_runs_are_the_first_of_all() -> None:
    quick, deep = trajectories("quick", 3), trajectories("deep", 3)
    assert 0 < len(quick) < len(deep)
    assert [t.optimizer_name for t in quick] == [t.optimizer_name for t in deep[: len(quick)]]
    assert {t.dataset for t in quick} == set(ARCHITECTURES)


def test_an_epoch_takes_every_row_at_most_once() -> None:
    made = run_on("diabetes", 0, SGD())
    first = np.concatenate([made.batches(step)["x"] for step in range(1, 21)])
    assert len(np.unique(first, axis=0)) == len(first)
    assert not np.array_equal(made.batches(1)["x"], made.batches(21)["x"])
    np.testing.assert_array_equal(made.batches(7)["x"], made.batches(7)["x"])


def test_the_optimisers_name_says_its_options() -> None:
    assert run_on("digits", 0, SGD(lr=0.3)).optimizer_name == "SGD"
    named = run_on("digits", 0, SGD(lr=0.3, momentum=0.9, nesterov=True)).optimizer_name
    assert named == "SGD(momentum=0.9, nesterov=True)"
