"""Texts that are compared as a whole, in tests/messages.

GRADPROOF_REWRITE=1 writes those anew that a test comes to; what has changed is then in git's diff.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "messages"


def expected(name: str, text: str) -> str:
    """What stands in the file of that name, where `text` should be the same."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("GRADPROOF_REWRITE"):
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")
