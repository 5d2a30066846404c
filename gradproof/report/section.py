"""A part of the report that the project itself writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A page of its own beside index.html, and the last part of REPORT.md.

    title     plain text: the heading, and the link on index.html
    anchor    the page's name without .html, unique in the report: letters, digits and hyphens
    html      trusted markup for the page, headings from <h3> down, no script and no outside file
    markdown  the same for REPORT.md, headings from ### down
    """

    title: str
    anchor: str
    html: str
    markdown: str
