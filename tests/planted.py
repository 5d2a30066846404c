"""Cases made by hand, and layers broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.cases.case import case_of as make
from gradproof.diagnosis.diagnose import diagnose
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import SEVERITY, Finding, Judgement, beside
from gradproof.report.tables import DEPTHS
from gradproof.subject.layer import named_arguments
from gradproof.subject.subject import Subject
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.arithmetic import Multiply, Subtract
from manual.layers.linear import Linear
from manual.net import Net, Step
from tests.subject import subject as this_subject

SUBJECT: Subject = this_subject()
Plant: TypeAlias = Callable[[Any], None]
"""What breaks something, by a monkeypatch."""


class Fault(NamedTuple):
    """What is planted, and what `faults` says of the case then."""

    case: Any
    plant: Plant
    said: str


def normal(*shape: int, seed: int = 0) -> Array:
    """Numbers of either sign."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def case_of(layer: Any, dtype: str = "float64", **arrays: Array) -> Case:
    """A case of the layer on these arrays; its cotangent is drawn when it is judged."""
    kinds = named_arguments(layer, list(arrays))
    given = {n: a if a.dtype.kind == "i" else a.astype(dtype) for n, a in arrays.items()}
    return make(layer, {n: given.get(n) for n in kinds}, kinds, dtype, hazards=("normal",) * 3)


def whole(*shape: int, seed: int = 0) -> Any:
    """Whole numbers from 1 to 4 with signs, no two axes alike: no rounding decides."""
    r = np.random.default_rng([seed, *shape])
    return r.integers(1, 5, shape) * r.choice([-1.0, 1.0], shape)


def on(layer: Any, *dy: Any, dtype: str = "float64", **arrays: Any) -> Case:
    """A case with these cotangents."""
    case = case_of(layer, dtype, **arrays)
    given = tuple(None if d is None else np.asarray(d, dtype=dtype) for d in dy)
    return replace(case, dy=given)


def chain(*layers: Any) -> Net:
    """Layers of one argument, one after the other; a Linear has its own weight."""
    steps, inputs, last = [], ["x"], "x"
    for i, layer in enumerate(layers):
        own = [f"w{i}"] if isinstance(layer, Linear) else []
        steps.append(Step(f"h{i}", layer, (last, *own)))
        inputs += own
        last = f"h{i}"
    return Net(tuple(inputs), tuple(steps))


GATED = Net(
    ("x", "weight"),
    (
        Step("h1", Linear(), ("x", "weight")),
        Step("h2", Tanh(), ("h1",)),
        Step("h3", Multiply(), ("h1", "h2")),
    ),
)
RESIDUAL = Net(
    ("x",),
    (
        Step("h1", Tanh(), ("x",)),
        Step("h2", Sigmoid(), ("h1",)),
        Step("h3", Subtract(), ("h1", "h2")),
    ),
)


def judged(case: Any) -> Judgement:
    """The judgement on a layer, a network or an optimiser."""
    judgement = judge(SUBJECT, case)
    assert {f.depth for f in judgement.findings} <= DEPTHS.keys()
    assert {f.verdict for f in judgement.findings} <= SEVERITY.keys()
    return judgement


def place(finding: Finding) -> str:
    """The layer, if it is one of a network; the depth, if it is not alone; and the array."""
    depth = "" if finding.depth == "isolated" else finding.depth
    return " ".join(filter(None, (finding.layer, depth, finding.quantity)))


def places(judgement: Judgement, verdict: str) -> str:
    """Where there is this verdict."""
    return ", ".join(place(f) for f in judgement.findings if f.verdict == verdict)


def faults(judgement: Judgement) -> str:
    """Where something is wrong and why, as far as it is known; faults with one cause together."""
    failed = [f for f in judgement.findings if f.failed]
    error = any(f.verdict == "error" for f in failed)
    assert judgement.verdict == ("error" if error else "disagree")
    assert judgement.culprit is failed[0]
    causes = dict.fromkeys(f.cause for f in failed)
    told = {c: ", ".join(place(f) for f in failed if f.cause == c) for c in causes}
    return "; ".join(f"{where}: {c}" if c else where for c, where in told.items())


def culprit_of(case: Any) -> tuple[Finding, list[Finding]]:
    """The first fault, and the findings on the other arrays of the same layer."""
    judgement = judged(case)
    finding = judgement.culprit
    assert finding is not None, "nothing was found"
    return finding, beside(judgement, finding)


def cause_of(case: Any) -> str:
    """What a person is told is probably wrong."""
    return diagnose(SUBJECT, *culprit_of(case))


def break_gradient(monkeypatch: Any, kind: type, name: str, change: Any) -> None:
    """Replace one gradient of a layer: change(gradients, saved, dy) → the wrong array."""
    right = kind.backward  # type: ignore[attr-defined]

    def backward(self: Any, saved: Any, dy: Any) -> dict[str, Array]:
        grads = dict(right(self, saved, dy))
        if name in grads:
            like = grads[name]
            grads[name] = np.array(change(grads, saved, dy), dtype=like.dtype)
        return grads

    monkeypatch.setattr(kind, "backward", backward)


def break_backward(monkeypatch: Any, kind: type, change: Callable[[Any, Any], Any]) -> None:
    """Replace what backward returns: change(gradients, dy) stands for it."""
    right = kind.backward  # type: ignore[attr-defined]
    monkeypatch.setattr(kind, "backward", lambda self, s, dy: change(right(self, s, dy), dy))


def break_output(monkeypatch: Any, kind: type, change: Callable[[Any], Any]) -> None:
    """Replace what forward returns: change(output) stands for it."""
    right = kind.forward  # type: ignore[attr-defined]

    def forward(self: Any, *args: Any) -> Any:
        y, saved = right(self, *args)
        return change(y), saved

    monkeypatch.setattr(kind, "forward", forward)


def gradient(kind: type, name: str, change: Callable[[Any], Any]) -> Plant:
    """change(its right gradient) stands for it."""
    return lambda patch: break_gradient(patch, kind, name, lambda g, s, d: change(g[name]))


def returned(kind: type, change: Callable[[Any, Any], Any]) -> Plant:
    """change(gradients, dy) stands for what backward returns."""
    return lambda patch: break_backward(patch, kind, change)


def output(kind: type, change: Callable[[Any], Any]) -> Plant:
    """change(output) stands for what forward returns."""
    return lambda patch: break_output(patch, kind, change)


def without(name: str) -> Callable[[Any, Any], Any]:
    """All gradients but this one."""
    return lambda grads, dy: {n: g for n, g in grads.items() if n != name}


def fails(*_: Any) -> Any:
    raise ValueError("not today")


def without_accumulation(self: Net, saved: Any, dy: Any) -> dict[str, Array]:
    """Net.backward with = for +=."""
    grads = {self.steps[-1].out: dy}
    for step, kept in zip(reversed(self.steps), reversed(saved), strict=True):
        given = step.layer.backward(kept, grads.pop(step.out))
        grads |= {name: given[own] for own, name in step.slots}
    return grads
