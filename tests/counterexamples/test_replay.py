"""A saved case is judged again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="layers are judged against torch")

from gradproof.cases.file import save
from gradproof.counterexamples.replay import replay
from gradproof.errors import InputError
from manual.layers.linear import Linear
from tests.planted import SUBJECT, case_of, normal


def test_a_case_that_never_ended_has_no_cotangent_yet(tmp_path: Path) -> None:
    """One that took too long on a busy machine is replayed with the cotangent of its seed."""
    case = case_of(Linear(), x=normal(2, 3), weight=normal(4, 3))
    save(tmp_path / "case.npz", replace(case, dy=()))
    judgement, said = replay(SUBJECT, tmp_path / "case.npz")
    assert judgement.verdict == "agree"
    assert "agrees with PyTorch: 3 arrays" in said


def test_a_cotangent_of_another_shape_is_refused(tmp_path: Path) -> None:
    case = case_of(Linear(), x=normal(2, 3), weight=normal(4, 3))
    save(tmp_path / "case.npz", replace(case, dy=(normal(2, 3),)))
    with pytest.raises(InputError, match="dy"):
        replay(SUBJECT, tmp_path / "case.npz")
