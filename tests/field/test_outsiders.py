"""Layers of kinds that manual/ has not: right ones are called right, wrong variants are found.

`python -m benchmarks.outsiders` does the same on many more cases, and with every variant.
"""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="layers are judged against torch")
pytest.importorskip("flint", reason="where PyTorch is inaccurate, its function takes balls")

from gradproof import Bug
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from tests.outsiders import BUGS, SUBJECT

pytestmark = pytest.mark.filterwarnings(
    "ignore:LSTM with projections", "ignore:Since version 1.3.0, affine_grid"
)
CASES, UNTIL = 8, 120
EVERY = 7
"""One variant of so many is planted here."""


@pytest.mark.parametrize("name", SUBJECT.layers)
def test_a_right_layer_is_called_right(name: str) -> None:
    drawn = judged(SUBJECT, Task("layer", name, CASES, 0), shrink=False)
    found = [d.judgement for d in drawn]
    assert len(found) == CASES
    assert not [j.culprit for j in found if j.flagged]


@pytest.mark.parametrize("bug", BUGS[::EVERY], ids=lambda bug: bug.name)
def test_a_wrong_variant_is_found(bug: Bug) -> None:
    with bug.planted():
        drawn = judged(SUBJECT, Task("layer", bug.kind, UNTIL, 0), shrink=False)
        culprits = (d.judgement.culprit for d in drawn if d.judgement.flagged)
        culprit = next((c for c in culprits if c is not None), None)
    assert culprit is not None
    assert culprit.quantity in bug.quantities


def test_every_variant_can_be_planted() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    for bug in BUGS:
        with bug.planted():
            pass
