"""Training apart: manual on its own, beside how far the reference drifts from itself.

Rounding alone drives two runs apart, by as much as the training amplifies it. So a divergence is
out of line if it is over C times the greatest that the reference has shown against itself so far,
started one ulp away: C is the bound's own constant, and nothing is typed.

One more thing may drive apart two runs that are both right: where rounding takes one of them
across a kink, or turns a sign on which the rule decides, they part at once, and no run that
started one ulp away at the beginning need have met the same kink. Then the reference is asked what
it makes of the very place that manual had reached: it is started anew one ulp away from manual's
last parameters and state. If it lands as far off as manual did, the dynamics did it, and these runs
are the null from there on. If it does not, manual's own step did it, and that is a disagreement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradproof.bound import C
from gradproof.fill import Array
from gradproof.steps import Arrays, State
from gradproof.training_sides import (
    Moved,
    Reference,
    Training,
    distances,
    manual_step,
    one_ulp_away,
)

STARTS = 3
"""Runs of the reference from one ulp away."""


@dataclass(frozen=True)
class FreeStep:
    """One step apart.

    moved     what manual did; None if it failed
    distance  ‖θ_manual − θ_reference‖ by layer;  null: the greatest of the reference from itself
    verdicts  by layer
    """

    moved: Moved | None
    distance: dict[str, float]
    null: dict[str, float]
    verdicts: dict[str, str]


class Free:
    """Manual's own run; `excused` counts how often the null was started anew."""

    def __init__(self, reference: Reference, training: Training, seed: int) -> None:
        self._reference, self._training = reference, training
        self._seed = seed
        self.params: Arrays = dict(training.params)
        self._state: State = {}
        self._nulls = self._starts(self.params, {})
        self._greatest = dict.fromkeys(training.layers, 0.0)
        self._wrong = self._failed = False
        self.excused = 0

    def _starts(self, params: Arrays, state: State) -> list[tuple[Arrays, State]]:
        self._seed += STARTS
        return [(one_ulp_away(params, self._seed + i), state) for i in range(STARTS)]

    def step(self, batch: Mapping[str, Array], expected: Arrays) -> FreeStep:
        """Move manual and the null by a step; `expected` is where the reference's own run is now."""
        layers = self._training.layers
        self._nulls, self._greatest = self._drift(self._nulls, batch, expected)
        before = self.params, self._state
        moved = self._manual(batch)
        if moved is None:
            nowhere = dict.fromkeys(layers, np.nan)
            return FreeStep(None, nowhere, self._greatest, dict.fromkeys(layers, "error"))
        self.params, self._state = moved.params, moved.state
        apart = distances(layers, self.params, expected)
        if not self._wrong and self._out_of_line(apart, self._greatest):
            self._look_closer(before, batch, expected, apart)
        out = self._out_of_line(apart, self._greatest)
        verdicts = {layer: "disagree" if layer in out else "agree" for layer in layers}
        return FreeStep(moved, apart, dict(self._greatest), verdicts)

    def _manual(self, batch: Mapping[str, Array]) -> Moved | None:
        if self._failed:
            return None
        try:
            return manual_step(self._training, self.params, self._state, batch)
        except Exception:  # noqa: BLE001  (the locked run, on the same batch, says what it was)
            self._failed = True
            return None

    def _drift(
        self, nulls: list[tuple[Arrays, State]], batch: Mapping[str, Array], expected: Arrays
    ) -> tuple[list[tuple[Arrays, State]], dict[str, float]]:
        """The null one step on, and the greatest distance of each layer so far."""
        greatest, after = dict(self._greatest), []
        for params, state in nulls:
            moved = self._reference.step(params, state, batch)
            after.append((moved.params, moved.state))
            for layer, distance in distances(self._training.layers, moved.params, expected).items():
                greatest[layer] = float(np.fmax(greatest[layer], distance))
        return after, greatest

    def _out_of_line(self, apart: dict[str, float], greatest: dict[str, float]) -> set[str]:
        return {layer for layer, d in apart.items() if not d <= C * greatest[layer]}

    def _look_closer(
        self,
        before: tuple[Arrays, State],
        batch: Mapping[str, Array],
        expected: Arrays,
        apart: dict[str, float],
    ) -> None:
        """Start the null anew where manual stood, if from there the reference goes as far."""
        try:
            nulls, greatest = self._drift(self._starts(*before), batch, expected)
        except Exception:  # noqa: BLE001  (a state that the reference cannot take is wrong)
            self._wrong = True
            return
        if self._out_of_line(apart, greatest):
            self._wrong = True
        else:
            self._nulls, self._greatest = nulls, greatest
            self.excused += 1
