"""The pages of docs/ that find a fault: the program, and what it is said to print."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def squeezed(text: str) -> str:
    return " ".join(text.split())


def program_of(name: str) -> tuple[str, str]:
    """The only program of a page, and the output that stands below it."""
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    return program, shown


def unsaid(shown: str, said: str) -> list[str]:
    """The lines that a page shows and nobody said; blanks do not count."""
    return [line for line in shown.splitlines() if squeezed(line) not in squeezed(said)]
