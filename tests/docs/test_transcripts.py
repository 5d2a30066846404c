"""The page of messages is of the bugs that its script names; its figures are another machine's."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("torch", reason="the script judges against torch")

from docs.transcripts import HEAD, NAMES, PAGE, change, message
from tests.catalogue import bugs

BUGS = {bug.name: bug for bug in bugs()}


def test_the_page_is_of_these_bugs() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == NAMES
    assert text.count("```diff\n") == text.count("```text\n") == len(NAMES)


def test_they_are_twenty_of_most_families() -> None:
    assert len(NAMES) == len(set(NAMES)) == 20
    assert len({BUGS[name].cause for name in NAMES}) >= 12


def test_a_section_says_what_was_planted_and_what_was_printed() -> None:
    bug = BUGS["tanh-promoted"]
    assert change(bug).startswith('-    return {"x": dy * (1 - y * y)}\n+    return ')
    assert message(bug).startswith("Tanh disagrees with PyTorch in the gradient of x: its dtype is")
