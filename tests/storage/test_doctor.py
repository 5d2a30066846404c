"""`gradproof doctor` says what is there and what is missing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gradproof.cli import main
from gradproof.storage import doctor


def test_it_names_versions(capsys: Any) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in ("device", "python", "numpy", "torch", "blas", "threads", "missing"):
        assert f"\n{name} " in f"\n{said}"


def test_what_is_missing_has_its_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda n: None if n == "flint" else find_spec(n))
    lines, able = doctor.findings(Path.cwd())
    assert able
    assert lines[-1].endswith("the proofs among the witnesses: pip install python-flint")


def test_without_torch_nothing_can_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    lines, able = doctor.findings(Path.cwd())
    assert not able
    assert any("pip install torch" in line for line in lines)
