"""The rows of a recorded training run are what both sides did, computed here by other means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from gradproof.cases.optimizer_case import UpdateCase
from gradproof.oracle.optimizer import ReferenceStep, as_arrays
from gradproof.training.record import SHOWN
from gradproof.training.sides import WHOLE, Reference, Training, distances, manual_step, norms
from manual.layer import Array
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from tests.subject import subject
from tests.training.test_record import recorded, run_on


def length(names: Sequence[str], arrays: Mapping[str, Array]) -> float:
    return float(np.linalg.norm(np.concatenate([arrays[n].ravel() for n in names])))


def moves(after: Mapping[str, Array], before: Mapping[str, Array]) -> dict[str, Array]:
    return {name: after[name] - a for name, a in before.items()}


@pytest.mark.parametrize("rule", [SGD(lr=0.01, momentum=0.5), Adam(lr=0.01)])
def test_the_locked_rows(tmp_path: Path, rule: Any) -> None:
    made = run_on("diabetes", 0, rule)
    run = recorded(tmp_path, made, steps=2)
    reference = Reference(subject(), made)
    params, state = dict(made.params), {}
    for step in (1, 2):
        batch = made.batches(step)
        loss, grads = reference.gradients(params, batch)
        mine = manual_step(made, params, state, batch)
        update = UpdateCase(made.optimizer, params, grads, state, made.dtype.name)
        twin = ReferenceStep(subject(), update)
        after, state = as_arrays(twin())
        rows = [r for r in run.rows if (r.mode, r.step) == ("locked", step)]
        assert [r.layer for r in rows] == list(made.layers)
        for row in rows:
            names = made.layers[row.layer]
            assert (row.run, row.dataset, row.network) == ("run", "diabetes", made.network)
            assert row.optimizer == made.optimizer_name
            assert row.loss_reference == float(loss)
            assert row.loss_manual == pytest.approx(mine.loss)
            assert row.grad_norm_reference == pytest.approx(length(names, grads))
            assert row.grad_norm_manual == pytest.approx(length(names, mine.grads))
            moved = moves(after, params), moves(mine.params, params)
            assert row.update_norm_reference == pytest.approx(length(names, moved[0]))
            assert row.update_norm_manual == pytest.approx(length(names, moved[1]))
            assert row.divergence <= 1e-14 and 0 < row.null_divergence < 1e-14
        params = after


def test_the_free_rows(tmp_path: Path) -> None:
    made = run_on("diabetes", 0, SGD(lr=0.01, momentum=0.5))
    run = recorded(tmp_path, made, steps=3)
    params, state = dict(made.params), {}
    for step in (1, 2, 3):
        mine = manual_step(made, params, state, made.batches(step))
        rows = [r for r in run.rows if (r.mode, r.step) == ("free", step)]
        assert [r.layer for r in rows] == list(made.layers)
        for row in rows:
            names = made.layers[row.layer]
            assert row.loss_manual == mine.loss
            assert row.grad_norm_manual == pytest.approx(length(names, mine.grads))
            moved = moves(mine.params, params)
            assert row.update_norm_manual == pytest.approx(length(names, moved))
            assert row.divergence < row.null_divergence * 16
        params, state = mine.params, mine.state
    nulls = [r.null_divergence for r in run.rows if (r.mode, r.layer) == ("free", WHOLE)]
    assert 0 < nulls[0] < 1e-14


def test_every_so_many_steps_have_rows_of_their_arrays(tmp_path: Path) -> None:
    made = run_on("diabetes", 0, SGD(lr=0.01, momentum=0.5))
    run = recorded(tmp_path, made, steps=SHOWN + 1)
    examples = {a.example for a in run.compared}
    assert examples == {f"trajectory-0-{SHOWN}"}
    assert {(a.run, a.network) for a in run.compared} == {("run", made.network)}
    params = [name for names in made.layers.values() for name in names]
    kinds: dict[str, set[Any]] = {a.kind: set() for a in run.compared}
    for a in run.compared:
        kinds[a.kind].add((a.depth, a.layer, a.quantity))
    network, rule = kinds["Net"], kinds["SGD"]
    assert network == {("free", "", q) for q in ("y", *params)}
    path = f"step {SHOWN}"
    updated = {q for name in params for q in (name, f"{name}.momentum_buffer")}
    assert rule == {("isolated", path, q) for q in updated}
    assert run.outcome["arrays"] == (SHOWN + 1) * (len(network) + len(rule))
    assert run.outcome["examples"] == 2


def test_held_out_data_are_judged_by_both_sides(tmp_path: Path) -> None:
    made = run_on("digits", 0, SGD(lr=0.1))
    run = recorded(tmp_path, made, steps=2)
    for a in run.outcome["extra"]["accuracy"]:
        assert (a["dataset"], a["network"], a["optimizer"]) == ("digits", made.network, "SGD")
        assert a["metric"] == made.evaluate(made.params, lambda net, *x: x[0])[0]


def test_an_optimiser_that_raises_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(self: Any, params: Any, grads: Any, state: Any) -> Any:
        raise FloatingPointError("no")

    monkeypatch.setattr(SGD, "step", step)
    made = run_on("diabetes", 0, SGD(lr=0.01))
    run = recorded(tmp_path, made, steps=1)
    (found,) = [a for a in run.compared if a.verdict == "error"]
    assert found.cause == "step raised FloatingPointError: no"
    assert (found.kind, found.layer, found.depth) == ("SGD", "step 1", "isolated")
    assert (found.dtype, found.quantity) == ("float64", next(iter(made.params)))


def test_norms_and_distances_of_a_layer() -> None:
    layers = {"h1": ("h1.weight", "h1.bias"), "h2": ("h2.weight",)}
    arrays = {"h1.weight": np.array([[3.0]]), "h1.bias": np.array([4.0], "float32")}
    assert norms(layers, arrays) == {"h1": 5.0, "h2": 0.0}
    moved = {"h1.weight": np.array([[3.0]]), "h1.bias": np.array([5.0])}
    assert distances(layers, moved, arrays) == {"h1": 1.0, "h2": 0.0}
    assert norms(layers, {"h2.weight": np.array([1e200])})["h2"] == np.inf


def layers_of(made: Training) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in made.params:
        layer = name.split(".")[0]
        found[layer] = (*found.get(layer, ()), name)
    return found


def test_the_whole_network_is_the_last_of_its_layers() -> None:
    made = run_on("diabetes", 2, SGD(lr=0.01))
    assert list(made.layers)[-1] == WHOLE
    assert {k: set(v) for k, v in made.layers.items() if k != WHOLE} == {
        k: set(v) for k, v in layers_of(made).items()
    }
    assert set(made.layers[WHOLE]) == set(made.params)
