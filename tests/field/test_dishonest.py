"""Whatever a dishonest or careless author hands in, it is told what is wrong with it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from gradproof import Finding
from tests.field import (
    dishonest_conduct,
    dishonest_escapes,
    dishonest_numbers,
    dishonest_references,
)
from tests.field.dishonest import SUBJECTS
from tests.field.outsiders import faults

FILLED_BY = dishonest_numbers, dishonest_conduct, dishonest_references, dishonest_escapes
PAGE = Path(__file__).parents[2] / "docs" / "what-cannot-hide.md"


def heard(finding: Finding) -> str:
    """What is said of a finding, without its numbers."""
    where = "y" if finding.quantity == "y" else f"the gradient of {finding.quantity}"
    return finding.cause or f"{where} disagrees"


@pytest.fixture(autouse=True)
def settings_are_restored() -> Iterator[None]:
    threads, kind = torch.get_num_threads(), torch.get_default_dtype()
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(kind)
    torch.set_default_device(None)
    torch.set_float32_matmul_precision("highest")
    torch.set_flush_denormal(False)
    ctypes.CDLL(None).fesetround(0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SUBJECTS)
def test_it_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = SUBJECTS[name]
    found = faults(given.make(monkeypatch), given.cases)
    assert found, "nothing was said"
    said = {heard(finding) for finding in found}
    assert any(given.said in text for text in said), said


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_page_has_it(name: str) -> None:
    """The page's rows are the table's, so that it says what is true."""
    given = SUBJECTS[name]
    assert f"| {name} | {given.does} | {given.said} |" in PAGE.read_text(encoding="utf-8")
