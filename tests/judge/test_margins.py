"""Where the margin is looked for, a right array lies far below its bound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from gradproof.campaign.search import judged, task_of
from gradproof.judge.verdict import Finding
from gradproof.rounding.bound import visible_margins
from tests.planted import SUBJECT


def right(kind: str) -> Iterator[Finding]:
    """What was measured in eight cases of a layer, or of the network type."""
    task = task_of(SUBJECT, SUBJECT.layers[kind], 8, 7)
    for drawn in judged(SUBJECT, task, shrink=False):
        yield from (f for f in drawn.judgement.findings if f.measured and f.comparison is not None)


@pytest.mark.parametrize("kind", SUBJECT.layers)
def test_no_right_array_lies_above_half_of_its_whole_bound(kind: str) -> None:
    with visible_margins():
        far = [(f.quantity, f.figures.worst_ratio) for f in right(kind)]
    assert all(ratio <= 0.5 for _, ratio in far), far


def test_the_verdict_needs_no_margin_and_takes_fewer_samples() -> None:
    hasty = sum(f.comparison.samples for f in right("BatchNorm1d") if f.comparison)
    with visible_margins():
        whole = sum(f.comparison.samples for f in right("BatchNorm1d") if f.comparison)
    assert hasty < whole
