"""Optimisers under the judge: a wrong one is found, written down and replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradproof.clock import Clock
from gradproof.counterexample import write
from gradproof.errors import InputError
from gradproof.replay import replay
from gradproof.steps import StepCase, judge_steps, load_steps, save_steps
from manual.adam import Adam
from manual.sgd import SGD
from tests.subject import subject

SUBJECT = subject()
CASE = StepCase(
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
        wrong = judge_steps(SUBJECT, CASE, Clock())
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


def test_a_case_loads_as_it_was_saved(tmp_path: Path) -> None:
    for optimizer in (CASE.optimizer, Adam(betas=(0.5, 0.9), amsgrad=True)):
        case = StepCase(
            optimizer, ((), (3,)), (1.0, 0.1, 1.0), sparse=False, dtype="float32", seed=1
        )
        save_steps(tmp_path / "case.npz", case)
        assert load_steps(tmp_path / "case.npz", SUBJECT.types) == case


def test_an_unknown_optimizer_is_refused(tmp_path: Path) -> None:
    save_steps(tmp_path / "case.npz", CASE)
    types = {name: kind for name, kind in SUBJECT.types.items() if kind is not SGD}
    with pytest.raises(InputError, match="'SGD' is no layer of this subject"):
        load_steps(tmp_path / "case.npz", types)
