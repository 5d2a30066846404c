"""From a run's folder to its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradproof.report import html, markdown, output
from gradproof.report.load import load
from gradproof.report.section import Section
from gradproof.report.tables import LayerRow
from gradproof.report.view import view


def build(
    run_dir: Path, out_dir: Path, sections: tuple[Section, ...], files: Sequence[str] | None = None
) -> list[LayerRow]:
    """Everything is read and rendered before the first file is written."""
    files = output.data_files() if files is None else tuple(files)
    run = load(run_dir)
    shown = view(run, sections, files)
    pages, text = html.render(shown), markdown.render(shown)
    output.write_report(run, out_dir, pages, text, files)
    return list(shown.layers)
