"""What is wrong with an optimiser is found in each of its steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("torch", reason="optimisers are judged against torch")

from gradproof.cases.optimizer_case import OptimizerCase
from manual.optimizers.sgd import SGD
from tests.planted import Fault, Plant, fails, faults, judged, places

STEPS = OptimizerCase(SGD(lr=0.5), ((2, 2), (3,)), (1.0, 0.5), False, "float64", seed=1)
MOMENTUM = replace(STEPS, optimizer=SGD(lr=0.5, momentum=0.5))


def each(entry: str = "", steps: tuple[int, ...] = (1, 2)) -> str:
    """Both parameters in these steps, or an entry of their states."""
    return ", ".join(f"step {step} {name}{entry}" for step in steps for name in ("p0", "p1"))


BUFFER = ".momentum_buffer"
SHARES = "it shares memory with what was received"


def updated(change: Any) -> Plant:
    """change(the new parameter, the state, the old parameter) is returned by SGD."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = SGD.update
        patch.setattr(SGD, "update", lambda s, p, g, m: change(*right(s, p, g, m), p))

    return plant


FAULTS = [
    Fault(STEPS, updated(lambda new, kept, p: (2 * p - new, kept)), each()),
    Fault(
        STEPS,
        updated(lambda new, kept, p: (new, {"extra": 0 * p})),
        f"{each('.extra')}: manual keeps it, torch does not",
    ),
    Fault(
        STEPS,
        updated(lambda new, kept, p: (new.astype("f4"), kept)),
        f"{each()}: its dtype is float32; it should be float64",
    ),
    Fault(STEPS, updated(lambda new, kept, p: (p, kept)), f"{each()}: {SHARES}; {each()}"),
    Fault(STEPS, updated(fails), "step 1 p0: step raised ValueError: not today"),
    Fault(
        MOMENTUM,
        updated(lambda new, kept, p: (new, {})),
        (
            f"{each(BUFFER, (1,))}: torch keeps it, manual not; "
            f"{each(BUFFER, (2,))}: {SHARES}; {each(BUFFER, (2,))}"
        ),
    ),
    Fault(
        MOMENTUM,
        updated(lambda new, kept, p: (new, {n: -b for n, b in kept.items()})),
        each(BUFFER),
    ),
]


@pytest.mark.parametrize(("case", "plant", "said"), FAULTS)
def test_a_fault_is_found_at_its_place(
    monkeypatch: pytest.MonkeyPatch, case: Any, plant: Plant, said: str
) -> None:
    plant(monkeypatch)
    assert faults(judged(case)) == said


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_optimiser_has_no_fault(dtype: str) -> None:
    judgement = judged(replace(STEPS, dtype=dtype))
    assert judgement.verdict == "agree"
    assert places(judgement, "agree") == each()
