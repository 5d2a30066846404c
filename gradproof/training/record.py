"""Recording a training run on both sides: in lockstep with the reference, and free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.arrays import Array, frozen
from gradproof.cases.optimizer_case import Arrays, State
from gradproof.judge.verdict import SEVERITY
from gradproof.storage.part_file import PartFile
from gradproof.storage.rows import Agreement, Trajectory
from gradproof.subject import passes
from gradproof.subject.subject import Subject
from gradproof.training.free import Free
from gradproof.training.locked import Locked
from gradproof.training.sides import WHOLE, Moved, Reference, Training, distances, norms

__all__ = ["WHOLE", "Training", "record"]
SHOWN = 10
"""Compared arrays get rows at every step of this number; those that disagree at every step."""


def record(
    subject: Subject, folder: Path, run: str, number: int, steps: int, seed: int
) -> dict[str, Any]:
    """Record the subject's training run of that number, and judge it.

    The rows go to ``trajectories-<number>.jsonl`` and ``agreement-trajectory-<number>.jsonl`` in
    ``parts``. The number is that in the deep profile; smaller profiles have its first runs.
    Returns the fields of `campaign.task.Done`; a run counts as two examples, locked and free.
    """
    assert subject.trajectories is not None, "the subject has no training runs"
    training = subject.trajectories("deep", seed)[number]
    with (
        PartFile(folder / f"parts/trajectories-{number}.jsonl", Trajectory) as trajectories,
        PartFile(folder / f"parts/agreement-trajectory-{number}.jsonl", Agreement) as agreement,
    ):
        recording = _Recording(subject, training, folder, seed)
        for step in range(1, steps + 1):
            rows, findings = recording.step(run, step)
            trajectories.add(rows)
            example = f"trajectory-{number}-{step}"
            agreement.add(f.row(run, example, training.network) for f in findings)
    return recording.outcome(folder)


class _Recording:
    """One run of the reference, of manual locked to it, and of manual free."""

    def __init__(self, subject: Subject, training: Training, folder: Path, seed: int) -> None:
        self._training = training
        self._reference = Reference(subject, training)
        self._params: Arrays = {n: frozen(p.copy()) for n, p in training.params.items()}
        self._state: State = {}
        self._locked = Locked(subject, training, folder)
        self._free = Free(self._reference, training, seed)
        self._last: Arrays = self._params  # manual's parameters after the last locked step
        self._worst = {"locked": "agree", "free": "agree"}
        self._arrays = 0

    def step(self, run: str, number: int) -> tuple[list[Trajectory], list[Any]]:
        """The rows of one step, and the findings to show."""
        batch = {n: frozen(a) for n, a in self._training.batches(number).items()}
        before, free_before = self._params, self._free.params
        every = number % SHOWN == 0
        locked = self._locked.step(number, before, self._state, batch, every)
        expected = locked.expected
        free = self._free.step(batch, self._state, expected.params)
        self._params, self._state = expected.params, expected.state
        self._arrays += locked.arrays
        if locked.moved is not None:
            self._last = locked.moved.params
        reference = _figures(self._training, before, expected)
        rows = [
            *self._rows(run, number, "locked", before, locked, locked.floor, reference),
            *self._rows(run, number, "free", free_before, free, free.null, reference),
        ]
        return rows, locked.findings

    def _rows(
        self,
        run: str,
        number: int,
        mode: str,
        before: Arrays,
        made: Any,
        null: Mapping[str, float],
        reference: tuple[float, dict[str, float], dict[str, float], dict[str, float]],
    ) -> Iterator[Trajectory]:
        training = self._training
        loss, grad, update, size = reference
        nothing: dict[str, float] = {}
        own = (np.nan, nothing, nothing, nothing)
        if made.moved is not None:
            own = _figures(training, before, made.moved)
        for layer in training.layers:
            verdict = made.verdicts[layer]
            if SEVERITY[verdict] > SEVERITY[self._worst[mode]]:
                self._worst[mode] = verdict
            scale = size[layer] or 1.0
            yield Trajectory(
                run,
                training.network,
                training.dataset,
                training.optimizer_name,
                mode,
                number,
                layer,
                own[0],
                loss,
                own[1].get(layer, np.nan),
                grad[layer],
                own[2].get(layer, np.nan),
                update[layer],
                made.distance.get(layer, np.nan) / scale,
                null.get(layer, np.nan) / scale,
                verdict,
            )

    def outcome(self, folder: Path) -> dict[str, Any]:
        verdicts: dict[str, int] = {}
        for verdict in self._worst.values():
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
        return {
            "examples": len(self._worst),
            "arrays": self._arrays,
            "verdicts": verdicts,
            "counterexamples": [
                str(path.relative_to(folder)) for path in self._locked.counterexamples
            ],
            "extra": {"accuracy": list(self._accuracy())},
        }

    def _accuracy(self) -> Iterator[dict[str, Any]]:
        """Yield how accurate either side's parameters are on held-out data."""
        training = self._training
        metric, reference = training.evaluate(self._params, self._reference.forward)
        for mode, params in (("locked", self._last), ("free", self._free.params)):
            yield {
                "dataset": training.dataset,
                "network": training.network,
                "optimizer": training.optimizer_name,
                "mode": mode,
                "metric": metric,
                "manual": float(training.evaluate(params, _manual)[1]),
                "reference": float(reference),
            }


def _manual(net: Any, *arrays: Array) -> Array:
    return passes.forward(net, arrays).outputs[0]


def _figures(
    training: Training, before: Arrays, moved: Moved
) -> tuple[float, dict[str, float], dict[str, float], dict[str, float]]:
    """Loss, and by layer the norms of the gradient, of the update and of the parameters."""
    layers = training.layers
    update = distances(layers, moved.params, before)
    return moved.loss, norms(layers, moved.grads), update, norms(layers, moved.params)
