"""A part of a run, and its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Task:
    """A part of a run. Its rows depend only on its fields.

    source   layer | network | optimizer | trajectory | sensitivity
    target   the layer's or optimiser's name; the trajectory's number
    count    cases to draw
    lost     (digest, reason) of cases that ended the process that judged them: not judged again
    """

    source: str
    target: str
    count: int
    seed: int
    lost: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}-{self.seed}"


@dataclass
class Done:
    """The result of a task.

    worst            largest error in units of its bound
    counterexamples  paths relative to the run's folder
    span             start and end, in seconds of a clock that all processes share
    """

    task: Task
    examples: int = 0
    arrays: int = 0
    worst: float = 0.0
    verdicts: dict[str, int] = field(default_factory=dict)
    counterexamples: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    span: tuple[float, float] = (0.0, 0.0)

    @property
    def failed(self) -> int:
        """Cases that disagree, or are errors."""
        return sum(self.verdicts.get(verdict, 0) for verdict in ("disagree", "error"))
