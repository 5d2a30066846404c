"""The page of findings says what was measured, and each wrong gradient has its script."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from docs.findings import FIGURES, PAGE, first_line, page

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/requirements.txt"))
SCRIPTS = sorted(EXAMPLES.glob("*/bug_*.py"))
HELD = json.loads(FIGURES.read_text(encoding="utf-8"))["folders"]


def test_the_page_is_that_of_the_figures() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m docs.findings writes it anew"


def test_every_folder_was_judged() -> None:
    assert sorted(HELD) == [folder.name for folder in FOLDERS]
    for folder in FOLDERS:
        assert (folder / "README.md").is_file()
        assert [*HELD[folder.name]["scripts"]] == [s.name for s in sorted(folder.glob("bug_*.py"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_script_shows_it_without_gradproof(script: Path) -> None:
    parsed = ast.parse(script.read_text(encoding="utf-8"))
    assert first_line(script).endswith(".")
    assert any(isinstance(node, ast.Assert) for node in ast.walk(parsed))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(parsed)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert not any(name.startswith("gradproof") for name in imported)
    assert HELD[script.parent.name]["scripts"][script.name], "it does not show what it says"
