"""What is installed here, and what is missing for what."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gradproof.storage.environment import environment

NEEDED = {
    "torch": ("the other side of every comparison", "torch"),
    "flint": ("enclosures, the proofs among the witnesses", "python-flint"),
    "rich": ("tables and progress in the terminal", "rich"),
    "pandas": ("`Verdict.table` and reports", "pandas"),
    "jinja2": ("reports", "jinja2"),
    "pyarrow": ("reports as Parquet", "pyarrow"),
}
"""Modules that are not required → what needs them, and the package that has them."""


def findings(root: Path) -> tuple[list[str], bool]:
    """What there is to say, a line each, and whether cases can be judged."""
    lines = [f"{name:<14}{value}" for name, value in environment(root).items()]
    missing = [name for name in NEEDED if find_spec(name) is None]
    for name in missing:
        purpose, package = NEEDED[name]
        lines.append(f"{'missing':<14}{package}, for {purpose}: pip install {package}")
    if not missing:
        lines.append(f"{'missing':<14}nothing")
    return lines, "torch" not in missing
