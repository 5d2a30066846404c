"""Texts that are compared as a whole, in tests/messages.

GRADPROOF_REWRITE=1 writes those anew that a test comes to; what has changed is then in git's diff.
"""

from __future__ import annotations

import os
from difflib import unified_diff
from itertools import islice
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "messages"
SHOWN = 40
"""Lines of a difference that are shown; pytest's own comparison of long texts takes minutes."""


def unchanged(name: str, text: str) -> None:
    """Fail unless the text is the one in the file of that name."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("GRADPROOF_REWRITE"):
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8")
    if text != kept:
        both = (t.splitlines() for t in (kept, text))
        lines = unified_diff(*both, "kept", "made", n=1, lineterm="")
        pytest.fail(
            "\n".join([f"{path.name} is another text", *islice(lines, SHOWN)]), pytrace=False
        )
