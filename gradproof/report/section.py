"""A part of the report that the project itself writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """Content put before the generic parts, in the order given.

    title     plain text; becomes the heading and an entry in the contents
    anchor    the fragment that links to it, unique in the page: letters, digits and hyphens
    html      trusted markup for the page, headings from <h3> down, no script and no outside file
    markdown  the same for REPORT.md, headings from ### down
    """

    title: str
    anchor: str
    html: str
    markdown: str
