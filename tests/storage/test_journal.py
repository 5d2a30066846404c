"""A journal keeps every whole line, whatever a kill has left of the last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradproof.storage.journal import append, read

LINE = '{"name": "Σ dy\u2028"}\n'.encode()
"""What `append` writes: not in ASCII, and with a character that ends a line only in Unicode."""


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert read(path) == []
    append(path, {"name": "Σ dy\u2028"})
    append(path, {"begun": 2, "parts": [1, None]})
    assert read(path) == [{"name": "Σ dy\u2028"}, {"begun": 2, "parts": [1, None]}]
    assert path.read_bytes().startswith(LINE)


@pytest.mark.parametrize("length", range(len(LINE)))
def test_half_a_line_is_passed_by_and_spoils_no_other(tmp_path: Path, length: int) -> None:
    path = tmp_path / "journal.jsonl"
    whole = len(LINE) - 1  # without its end it is a line still
    path.write_bytes(LINE + LINE[:length])
    found = [{"name": "Σ dy\u2028"}] * (2 if length == whole else 1)
    assert read(path) == found
    append(path, {"after": "the kill"})
    assert read(path) == [*found, {"after": "the kill"}]


def test_what_is_no_object_is_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('\n[]\n1\nmine\n{"a": 1}\n', encoding="utf-8")
    assert read(path) == [{"a": 1}]
