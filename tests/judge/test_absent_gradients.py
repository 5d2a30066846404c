"""A parameter without a gradient stays as it is, with its state, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="optimisers are judged against torch")

from gradproof.campaign.search import judged as search
from gradproof.campaign.search import task_of
from gradproof.cases.file import load, save
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.counterexamples.message import explain_culprit
from gradproof.counterexamples.replay import replay
from gradproof.counterexamples.write import write
from manual.optimizer import Optimizer
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from tests.planted import SUBJECT, judged

COUNT = 25
CASE = OptimizerCase(
    SGD(lr=0.5, momentum=0.5, weight_decay=0.1),
    ((2,), (3,)),
    (1.0,) * 6,
    sparse=False,
    dtype="float64",
    seed=8,
    absent=True,
)
PATTERN = [sorted(CASE.grads(step)) for step in range(6)]
Step = Callable[..., Any]
right = Optimizer.step


def as_zeros(self: Optimizer, params: Any, grads: Any, state: Any) -> Any:
    """Every parameter is updated, with a gradient of 0 where it has none."""
    return right(self, params, {n: np.zeros_like(p) for n, p in params.items()} | grads, state)


def decayed(self: Optimizer, params: Any, grads: Any, state: Any) -> Any:
    """The weight decay is applied to all."""
    new, kept = right(self, params, grads, state)
    return {n: p if n in grads else p * 0.99 for n, p in new.items()}, kept


def counted(self: Optimizer, params: Any, grads: Any, state: Any) -> Any:
    """Its steps are counted all the same."""
    new, kept = right(self, params, grads, state)
    lost = [n for n in params if n not in grads and "step" in kept.get(n, {})]
    return new, kept | {n: {**kept[n], "step": np.asarray(kept[n]["step"] + 1)} for n in lost}


def needs_all(self: Optimizer, params: Any, grads: Any, state: Any) -> Any:
    return right(self, params, {n: grads[n] for n in params}, state)


def begins_all(self: Optimizer, params: Any, grads: Any, state: Any) -> Any:
    """Its state begins before it has a gradient."""
    new, kept = right(self, params, grads, state)
    return new, {n: {"momentum_buffer": np.zeros_like(p)} for n, p in params.items()} | kept


def test_a_share_of_the_steps_lacks_a_gradient() -> None:
    assert {tuple(names) for names in PATTERN} >= {("p0", "p1")}
    assert any(len(names) == 1 for names in PATTERN)
    for step in range(6):  # the others have what they would have anyway
        whole = replace(CASE, absent=False).grads(step)
        assert len(whole) == 2
        assert all(np.array_equal(g, whole[n]) for n, g in CASE.grads(step).items())
    cases = [d.case for d in search(SUBJECT, task_of(SUBJECT, SGD, COUNT, 0), shrink=False)]
    assert 0.2 < np.mean([case.absent for case in cases]) < 0.8


@pytest.mark.parametrize("kind", SUBJECT.optimizers, ids=lambda kind: kind.__name__)
def test_every_optimiser_leaves_it_alone(kind: type) -> None:
    task = task_of(SUBJECT, kind, COUNT, 3)
    lacking = 0
    for drawn in search(SUBJECT, task, shrink=False):
        assert not drawn.judgement.flagged, drawn.judgement.culprit
        steps = range(len(drawn.case.scales))
        lacking += sum(len(drawn.case.grads(k)) < len(drawn.case.shapes) for k in steps)
    assert lacking > COUNT / 4


@pytest.mark.parametrize(
    ("step", "optimizer", "said"),
    [
        (as_zeros, CASE.optimizer, "; not as if its gradient were 0"),
        (as_zeros, Adam(weight_decay=0.1), "; not as if its gradient were 0"),
        (as_zeros, Adam(), "; not as if its gradient were 0"),
        (decayed, SGD(weight_decay=0.1), ""),
        (counted, Adam(), "; not as if its gradient were 0"),
    ],
)
def test_one_that_updates_it_is_found(
    monkeypatch: pytest.MonkeyPatch, step: Step, optimizer: Any, said: str
) -> None:
    monkeypatch.setattr(Optimizer, "step", step)
    wrong = judged(replace(CASE, optimizer=optimizer))
    assert wrong.culprit is not None
    assert not judged(replace(CASE, optimizer=optimizer, absent=False)).flagged
    text = " ".join(explain_culprit(SUBJECT, wrong, "").split())
    owner = wrong.culprit.quantity.partition(".")[0]
    cause = f"{owner} has no gradient in this step and stays as it is, with its state{said} "
    assert cause in text
    assert f"absent the gradient of {owner}: grads lacks it; in PyTorch .grad is None" in text


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        (needs_all, "step raised KeyError: 'p"),
        (begins_all, "manual keeps it, torch does not: p"),
    ],
)
def test_one_that_fails_or_keeps_more_is_found(
    monkeypatch: pytest.MonkeyPatch, step: Step, cause: str
) -> None:
    monkeypatch.setattr(Optimizer, "step", step)
    wrong = next(j for seed in range(9) if (j := judged(replace(CASE, seed=seed))).flagged)
    assert wrong.culprit is not None
    assert wrong.culprit.cause.startswith(cause)
    assert "  absent           the gradient of p" in explain_culprit(SUBJECT, wrong, "")


def test_it_replays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save(tmp_path / "drawn.npz", CASE)
    assert load(tmp_path / "drawn.npz", SUBJECT.types) == CASE
    with monkeypatch.context() as patched:
        patched.setattr(Optimizer, "step", as_zeros)
        path = write(SUBJECT, judged(CASE), tmp_path)
        again, text = replay(SUBJECT, path)
        assert again.flagged
        assert "has no gradient in this step" in " ".join(text.split())
    assert not replay(SUBJECT, path)[0].flagged


def test_a_case_that_was_saved_before_has_all_gradients(tmp_path: Path) -> None:
    whole = replace(CASE, absent=False)
    save(tmp_path / "case.npz", whole)
    with np.load(tmp_path / "case.npz") as file:
        about = str(file["case"]).replace(', "absent": false', "")
    assert "absent" not in about
    np.savez(tmp_path / "old.npz", case=np.array(about))
    assert load(tmp_path / "old.npz", SUBJECT.types) == whole
