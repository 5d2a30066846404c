"""What is judged: a set of layers, what they should equal, and how to draw their cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradproof.subject.entries import CaseRule


@dataclass(frozen=True)
class Subject:
    """Layers under test, with everything needed to judge them.

    name         of the project, for the report's title
    rules        case strategies by layer type; these are the layers that are judged
    twin         twin(layer, *tensors) → y: the same function by PyTorch; absent arguments are None
    net          the network type, whose instances have .inputs and .steps; it has a rule as well
    parts        other dataclasses that layers hold, such as a network's step, so that cases load
    optimizers   strategies that draw optimisers, by optimiser type
    step_twin    step_twin(optimizer, params, grads, state) → (params, state) on tensors; a
                 parameter without a gradient has no name in grads
    conventions  kinds of layers that differ from PyTorch at a kink on purpose → the reason
    unfinished   what is missing before the subject can be judged, as text; "" if nothing is
    trajectories training runs to record: a function of (profile, seed)
    sections     sections of the report that are the project's own
    bugs         planted bugs (mutation.bug.Bug) that the judge has to find; called late
    harmless     changes that are no bugs, each with a proof; the judge must not flag them
    survivors    why an automatic bug survives, by its name
    """

    name: str
    rules: Mapping[type, CaseRule]
    twin: Callable[..., Any]
    net: type | None = None
    parts: tuple[type, ...] = ()
    optimizers: Mapping[type, Any] = field(default_factory=dict)
    step_twin: Callable[..., Any] | None = None
    conventions: Mapping[str, str] = field(default_factory=dict)
    unfinished: str = ""
    trajectories: Callable[..., Sequence[Any]] | None = None
    sections: Callable[[], Sequence[Any]] | None = None
    bugs: Callable[[], Sequence[Any]] | None = None
    harmless: Callable[[], Sequence[tuple[Any, str]]] | None = None
    survivors: Callable[[], Mapping[str, str]] | None = None

    @property
    def layers(self) -> dict[str, type]:
        """Layer types by name."""
        return {kind.__name__: kind for kind in self.rules}

    @property
    def types(self) -> dict[str, type]:
        """Everything that a case file may name."""
        return self.layers | {kind.__name__: kind for kind in (*self.parts, *self.optimizers)}
