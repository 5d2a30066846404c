"""Free training: manual on its own, compared with how far the reference diverges from itself.

Rounding alone drives two runs apart, as far as the training amplifies it. So a divergence is too
large if it is over C times the largest that the reference, started one ulp away, has shown against
itself so far. C is the bound's own constant.

Two right runs may also part at once: rounding takes one of them across a kink, or flips a sign on
which the rule decides, and a run that started one ulp away need not meet the same kink. Then the
reference takes the step from manual's last parameters, one ulp away, and with its own arithmetic
disturbed. If it diverges as far as manual did, rounding is the reason, and these runs are the null
from there on. If it does not, manual's own step is the reason: a disagreement.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.optimizer_case import Arrays, State
from gradproof.rounding.bound import C
from gradproof.training.sides import (
    Moved,
    Place,
    Reference,
    Training,
    distances,
    manual_step,
    one_ulp_away,
)

STARTS = 3
"""Runs of the reference from one ulp away, which make the null distribution."""
BACK = 2
"""How many steps back the null may restart: a flipped sign may change the state before it shows."""


@dataclass(frozen=True)
class FreeStep:
    """One free step.

    moved     what manual did; None if it failed
    distance  ‖θ_manual − θ_reference‖ by layer;  null: the largest of the reference from itself
    verdicts  by layer
    """

    moved: Moved | None
    distance: dict[str, float]
    null: dict[str, float]
    verdicts: dict[str, str]


class Free:
    """Manual's own run; `excused` counts how often the null was restarted."""

    def __init__(self, reference: Reference, training: Training, seed: int) -> None:
        self._reference, self._training = reference, training
        self._seed = seed
        self.params: Arrays = dict(training.params)
        self._state: State = {}
        self._nulls = self._starts(self.params, {})
        self._greatest = dict.fromkeys(training.layers, 0.0)
        self._recent: deque[tuple[Arrays, State, Mapping[str, Array]]] = deque(maxlen=BACK)
        self._wrong = self._failed = False
        self.excused = 0

    def _starts(self, params: Arrays, state: State) -> list[Place]:
        self._seed += STARTS
        return [(one_ulp_away(params, self._seed + i), state) for i in range(STARTS)]

    def step(self, batch: Mapping[str, Array], state: State, expected: Arrays) -> FreeStep:
        """Take one step, of manual and of the null.

        The reference's own run went from `state` to the parameters `expected` on this batch.
        """
        layers = self._training.layers
        self._nulls = self._reference.steps(self._nulls, batch)
        self._greatest = self._farthest(self._nulls, self._greatest, expected)
        self._recent.append((self.params, state, batch))
        moved = self._manual(batch)
        if moved is None:
            nowhere = dict.fromkeys(layers, np.nan)
            return FreeStep(None, nowhere, self._greatest, dict.fromkeys(layers, "error"))
        self.params, self._state = moved.params, moved.state
        apart = distances(layers, self.params, expected)
        if not _finite(self.params) and not _finite(expected):
            return FreeStep(moved, apart, self._greatest, dict.fromkeys(layers, "vacuous"))
        if not self._wrong and self._out_of_line(apart, self._greatest):
            self._look_closer(expected, apart)
        out = self._out_of_line(apart, self._greatest)
        verdicts = {layer: "disagree" if layer in out else "agree" for layer in layers}
        return FreeStep(moved, apart, self._greatest, verdicts)

    def _manual(self, batch: Mapping[str, Array]) -> Moved | None:
        if self._failed:
            return None
        try:
            return manual_step(self._training, self.params, self._state, batch)
        except Exception:  # noqa: BLE001  (the locked run, on the same batch, says what it was)
            self._failed = True
            return None

    def _farthest(
        self, places: list[Place], greatest: dict[str, float], expected: Arrays
    ) -> dict[str, float]:
        """The largest distance of each layer so far, including these places."""
        greatest = dict(greatest)
        for params, _ in places:
            for layer, distance in distances(self._training.layers, params, expected).items():
                greatest[layer] = float(np.fmax(greatest[layer], distance))
        return greatest

    def _out_of_line(self, apart: dict[str, float], greatest: dict[str, float]) -> set[str]:
        return {layer for layer, d in apart.items() if not d <= C * greatest[layer]}

    def _look_closer(self, expected: Arrays, apart: dict[str, float]) -> None:
        """Restart the null where manual was, if the reference diverges as far from there."""
        greatest = self._greatest
        for places in self._restarts():
            greatest = self._farthest(places, greatest, expected)
            if not self._out_of_line(apart, greatest):
                self._nulls, self._greatest = places, greatest
                self.excused += 1
                return
        self._wrong = True

    def _restarts(self) -> Iterator[list[Place]]:
        """Yield where the reference gets from manual's last place, and from the one before.

        The optimiser's state is the reference's, so that a wrong state of manual's is not excused.
        """
        recent = list(self._recent)
        for i in reversed(range(len(recent))):
            for start in self._steps_from(*recent[i]):
                places = start
                for _, _, batch in recent[i + 1 :]:
                    places = self._reference.steps(places, batch)
                yield places

    def _steps_from(
        self, params: Arrays, state: State, batch: Mapping[str, Array]
    ) -> Iterator[list[Place]]:
        """Yield steps of the reference from one ulp away, then with disturbed gradients."""
        yield self._reference.steps(self._starts(params, state), batch)
        samples = self._reference.disturbed(params, batch)
        while some := list(islice(samples, STARTS)):
            slopes = [{n: pair[0] for n, pair in s.items() if n in params} for s in some]
            yield self._reference.updates([(params, g, state) for g in slopes])


def _finite(params: Arrays) -> bool:
    return all(bool(np.isfinite(p).all()) for p in params.values())
