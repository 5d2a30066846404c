"""Cases made by hand, and layers broken on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.cases.case import case_of as make
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import SEVERITY, Finding, Judgement
from gradproof.report.tables import DEPTHS
from gradproof.subject.layer import named_arguments
from gradproof.subject.subject import Subject
from tests.subject import subject as this_subject

SUBJECT: Subject = this_subject()


def normal(*shape: int, seed: int = 0) -> Array:
    """Numbers of either sign."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def case_of(layer: Any, dtype: str = "float64", **arrays: Array) -> Case:
    """A case of the layer on these arrays; its cotangent is drawn when it is judged."""
    kinds = named_arguments(layer, list(arrays))
    given = {n: a if a.dtype.kind == "i" else a.astype(dtype) for n, a in arrays.items()}
    return make(layer, {n: given.get(n) for n in kinds}, kinds, dtype, hazards=("normal",) * 3)


def judged(case: Case) -> Judgement:
    judgement = judge(SUBJECT, case)
    assert {f.depth for f in judgement.findings} <= DEPTHS.keys()
    assert {f.verdict for f in judgement.findings} <= SEVERITY.keys()
    return judgement


def culprit_of(case: Case) -> tuple[Finding, list[Finding]]:
    """The first fault, and the findings on the other arrays of the same layer."""
    judgement = judged(case)
    finding = judgement.culprit
    assert finding is not None, "nothing was found"
    place = (finding.layer, finding.depth)
    rest = [f for f in judgement.findings if f is not finding and (f.layer, f.depth) == place]
    return finding, rest


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
