"""What the theme leaves out of its pages for people who use a keyboard or a screen reader."""

from __future__ import annotations

from pathlib import Path

from bs4 import BeautifulSoup

_SCROLLABLE = "pre, .math-wrapper, .table-wrapper"
_NAMES = {
    "aside.sidebar-drawer": "Pages",
    "aside.toc-drawer": "On this page",
    "div.content-icon-container": "This page in other forms",
}


def mend(path: Path) -> None:
    """Give parts names, headings levels, and what scrolls a place among the tab stops."""
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    for part in page.select(_SCROLLABLE):
        part["tabindex"] = "0"
    for where, name in _NAMES.items():
        for part in page.select(where):
            part["aria-label"] = name
            if part.name == "div":
                part["role"] = "region"
    for heading in page.select("[role=heading]"):
        heading["aria-level"] = "2"
    for cell in page.select("th"):
        text = cell.get_text(strip=True)
        if not text:
            cell.name = "td"
        elif formula := cell.find("math"):
            cell["style"] = "position: relative"  # or the hidden text would widen the page
            formula["aria-hidden"] = "true"  # not every reader of screens speaks MathML
            cell.append(page.new_tag("span", attrs={"class": "visually-hidden"}, string=text))
    if not page.select("h1, [role=heading][aria-level='1']"):
        main = page.select_one("[role=main]")
        if main is not None and page.title is not None:
            title = page.new_tag("h1")
            title.string = page.title.get_text().split(" - ")[0]
            main.insert(0, title)
    path.write_text(str(page), encoding="utf-8")
