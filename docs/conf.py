"""Sphinx settings; the table of layers is made from the layers themselves at every build."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

from layer_table import layer_table

from gradproof import __version__

project = "gradproof"
author = "the gradproof authors"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "gradproof"

made = DOCS / "_build" / "layers.md"
made.parent.mkdir(exist_ok=True)
made.write_text(layer_table(), encoding="utf-8")
