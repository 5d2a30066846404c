"""Sphinx settings; the table of layers is made from the layers themselves at every build."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

from accessible import mend
from docutils.nodes import SkipNode
from latex2mathml.converter import convert
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
html_math_renderer = "mathml"  # browsers show it without a script and without a network
html_title = "gradproof"

made = DOCS / "_build" / "layers.md"
made.parent.mkdir(exist_ok=True)
made.write_text(layer_table(), encoding="utf-8")


def formula(display: str) -> Any:
    """What writes a formula as MathML."""

    def write(page: Any, node: Any) -> None:
        page.body.append(convert(node.astext(), display=display))
        raise SkipNode

    return write


def finished(app: Any, error: Exception | None) -> None:
    """Mend the pages once all are written."""
    if error is None:
        for path in Path(app.outdir).rglob("*.html"):
            mend(path)


def setup(app: Any) -> None:
    """Sphinx calls this."""
    app.connect("build-finished", finished)
    app.add_html_math_renderer("mathml", (formula("inline"), None), (formula("block"), None))
