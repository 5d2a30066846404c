"""Optimisers under the judge: a wrong one is found, written down and replayed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.cases.file import load, save
from gradproof.cases.optimizer_case import OptimizerCase, UpdateCase
from gradproof.counterexamples.replay import replay
from gradproof.counterexamples.write import write
from gradproof.errors import InputError
from gradproof.judge.optimizer import sharing
from gradproof.oracle.optimizer import ReferenceStep, noise_samples
from gradproof.oracle.tensors import THOROUGH
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from tests.planted import SUBJECT, judged, normal

CASE = OptimizerCase(
    SGD(lr=0.1, momentum=0.9),
    ((2, 3), (4,)),
    (1.0, 1e-3, 1e-7),
    sparse=True,
    dtype="float64",
    seed=5,
)


def test_a_wrong_update_is_found_and_its_file_replays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right = SGD.update

    def forgets_momentum(self: SGD, param: Any, grad: Any, memory: Any) -> Any:
        new, kept = right(self, param, grad, memory)
        return (new if not memory else param - self.lr * grad), kept

    with monkeypatch.context() as patched:
        patched.setattr(SGD, "update", forgets_momentum)
        wrong = judged(CASE)
        assert wrong.culprit is not None
        assert wrong.culprit.layer == "step 2"
        path = write(SUBJECT, wrong, tmp_path)
        again, text = replay(SUBJECT, path)
        assert again.culprit is not None
        assert "SGD" in text
        assert "gradproof replay" in text
    agreed, text = replay(SUBJECT, path)
    assert agreed.culprit is None
    assert "agrees with PyTorch" in text


def test_nearby_gradients_and_state_differ_in_the_last_place() -> None:
    params = {"p0": normal(50), "p1": normal(60)}
    grads = {"p0": normal(50, seed=1), "p1": normal(60, seed=1)}
    state = {
        name: {"exp_avg": g, "exp_avg_sq": g * g, "step": np.array(2.0)}
        for name, g in grads.items()
    }
    twin = ReferenceStep(SUBJECT, UpdateCase(Adam(), params, grads, state, "float64"))
    moved = [twin.nearby(seed) for seed in range(40)]
    for near, held in moved:
        for name, g in grads.items():
            assert held[name]["step"] == 2, "a counter is exact"
            for made, was in (
                (near[name], g),
                (held[name]["exp_avg"], g),
                (held[name]["exp_avg_sq"], g * g),
            ):
                assert (np.abs(made.numpy() / was - 1) <= 2.0**-51).all()
    firsts = [near["p0"].numpy().tolist() for near, _ in moved]
    averages = [held["p0"]["exp_avg"].numpy().tolist() for _, held in moved]
    assert all(len({tuple(m) for m in made}) > 30 for made in (firsts, averages))
    assert firsts != averages, "each is disturbed in its own way"
    again = twin.nearby(3)
    assert again[0]["p0"].tolist() == firsts[3]
    assert again[1]["p0"]["exp_avg"].tolist() == averages[3]


def test_the_noise_of_a_step_is_that_of_its_gradients_and_arithmetic() -> None:
    params = {"p0": np.array([1.0, 2.0])}
    grads = {"p0": np.array([0.5, -0.5])}
    case = UpdateCase(SGD(lr=0.1), params, grads, {}, "float64")
    found = list(noise_samples(ReferenceStep(SUBJECT, case)))
    assert len(found) == THOROUGH
    off = np.array([disturbed - exact for disturbed, exact in (s["p0"] for s in found)])
    assert (np.abs(off).max(axis=0) > 2.0**-53).all()
    assert (np.abs(off) < 2.0**-49).all()


def test_shared_memory_is_told_of_once() -> None:
    a, b, c = np.ones(4), np.ones(4), np.ones(4)
    made = {"p0": a, "p0.copy": a[:2], "p1": b, "p2": c}
    received = {"p1": b, "p3": c[1:]}
    assert list(sharing(made, received)) == [
        ("p0.copy", "p0"),
        ("p1", "what was received"),
        ("p2", "p3"),
    ]


def test_an_optimiser_that_raises_ends_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def update(self: SGD, param: Any, grad: Any, memory: Any) -> Any:
        if memory:
            raise FloatingPointError("no")
        return right(self, param, grad, memory)

    right = SGD.update
    monkeypatch.setattr(SGD, "update", update)
    judgement = judged(CASE)
    assert {f.layer for f in judgement.findings} == {"step 1", "step 2"}
    (found,) = [f for f in judgement.findings if f.verdict == "error"]
    assert (found.layer, found.depth, found.quantity) == ("step 2", "isolated", "p0")
    assert found.cause == "step raised FloatingPointError: no"


def test_what_is_drawn_follows_from_the_seed() -> None:
    params, grads = CASE.arrays, CASE.grads(1)
    assert {n: p.shape for n, p in params.items()} == {"p0": (2, 3), "p1": (4,)}
    assert params["p0"].tolist() == CASE.arrays["p0"].tolist()
    assert not params["p0"].flags.writeable and not grads["p0"].flags.writeable
    assert {a.dtype.name for a in (*params.values(), *grads.values())} == {"float64"}
    dense = replace(CASE, sparse=False)
    size = [np.abs(dense.grads(step)["p1"]).max() for step in range(3)]
    assert size[0] > 100 * size[1] > 1e4 * size[2]
    wide = replace(CASE, shapes=((4000,),)).grads(0)["p0"]
    assert 0.4 < (wide == 0).mean() < 0.6
    assert not np.array_equal(CASE.arrays["p1"], replace(CASE, seed=6).arrays["p1"])


def test_a_case_loads_as_it_was_saved(tmp_path: Path) -> None:
    for optimizer in (CASE.optimizer, Adam(betas=(0.5, 0.9), amsgrad=True)):
        case = OptimizerCase(
            optimizer, ((), (3,)), (1.0, 0.1, 1.0), sparse=False, dtype="float32", seed=1
        )
        save(tmp_path / "case.npz", case)
        assert load(tmp_path / "case.npz", SUBJECT.types) == case


def test_an_unknown_optimizer_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "case.npz", CASE)
    types = {name: kind for name, kind in SUBJECT.types.items() if kind is not SGD}
    with pytest.raises(InputError, match="'SGD' is no layer of this subject"):
        load(tmp_path / "case.npz", types)
