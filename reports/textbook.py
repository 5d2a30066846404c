"""The seed article made executable: the report's textbook section, and docs/textbook.md.

`python -m reports.textbook` writes the page anew.
"""

from __future__ import annotations

from pathlib import Path

from gradproof.report.section import Section
from reports.textbook_chain import backward, forward, four_ways, training
from reports.textbook_page import Block, to_html, to_markdown
from reports.textbook_weights import many_weights, names, one_weight

TITLE = "Back-propagation, number by number"
ANCHOR = "textbook"
PAGE = Path(__file__).parent.parent / "docs" / "textbook.md"
_POINTER = f"""\
A network small enough to follow by hand: its gradient in scalar form, in matrix form, by autograd
and by the complex step, to the last digits. [{ANCHOR}.html]({ANCHOR}.html) has it with figures,
`docs/textbook.md` in the repository without.
"""
_NOTE = "<!-- Written by `python -m reports.textbook`: change it there. -->"


def section() -> Section:
    """The report's page; REPORT.md says where the article stands."""
    return Section(
        title=TITLE,
        anchor=ANCHOR,
        html=f'<div class="textbook">\n{to_html(story(), ANCHOR, level=3)}</div>\n',
        markdown=_POINTER,
    )


def story() -> tuple[Block, ...]:
    """All chapters, in the article's order."""
    chapters = (one_weight, many_weights, names, forward, backward, four_ways, training)
    return tuple(block for chapter in chapters for block in chapter())


def page() -> str:
    """The text of docs/textbook.md."""
    return f"# {TITLE}\n\n{_NOTE}\n\n{to_markdown(story(), level=2)}"


def main() -> None:
    """Write docs/textbook.md."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
