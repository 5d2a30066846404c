"""A page as a list of blocks, written once and rendered twice: HTML and Markdown.

The text of a block holds `$…$` maths (see `textbook_maths`), `**strong**`, `*stressed*` and
backticked code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypeAlias

from reports.textbook_maths import mathml

_PARTS = re.compile(r"(?<=,) \\quad ")  # where a formula may break on a narrow page
_STYLE = Path(__file__).parent / "textbook.css"
_MARKS = ((r"`([^`]+)`", "code"), (r"\*\*([^*]+)\*\*", "strong"), (r"\*([^*]+)\*", "em"))


@dataclass(frozen=True)
class Heading:
    """The title of a chapter."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Items:
    """A numbered list."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Formula:
    """One displayed formula, in TeX without its dollars."""

    tex: str


@dataclass(frozen=True)
class Table:
    """The first cell of a row names it. `measured`: the last column depends on the machine."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    measured: bool = False


@dataclass(frozen=True)
class Figure:
    """An inline SVG and its caption; Markdown leaves both out."""

    svg: str
    caption: str


Block: TypeAlias = Heading | Text | Items | Formula | Table | Figure


def to_html(blocks: Iterable[Block], anchor: str, level: int) -> str:
    """The blocks as HTML, for an element of class "textbook", after their style.

    Headings are `<h{level}>` with ids that begin with `anchor`.
    """
    parts = [f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>"]
    headings = tables = 0
    for block in blocks:
        match block:
            case Heading(text):
                headings += 1
                parts.append(f'<h{level} id="{anchor}-{headings}">{_inline(text)}</h{level}>')
            case Text(text):
                parts.append(f"<p>{_inline(text)}</p>")
            case Items(texts):
                items = "".join(f"<li>{_inline(text)}</li>\n" for text in texts)
                parts.append(f"<ol>\n{items}</ol>")
            case Formula(tex):
                lines = "".join(mathml(part, display=True) for part in _PARTS.split(tex))
                parts.append(f'<p class="formula">{lines}</p>')
            case Table():
                tables += 1
                parts.append(_table_html(block, tables))
            case Figure(svg, caption):
                parts.append(f"<figure>{svg}<figcaption>{_inline(caption)}</figcaption></figure>")
    return "\n".join(parts) + "\n"


def to_markdown(blocks: Iterable[Block], level: int) -> str:
    """The blocks as the Markdown that code-hosting sites render, without the figures."""
    parts = []
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"{'#' * level} {text}")
            case Text(text):
                parts.append(text)
            case Items(texts):
                parts.append("\n".join(f"{k}. {text}" for k, text in enumerate(texts, start=1)))
            case Formula(tex):
                parts.append(f"$$\n{tex}\n$$")
            case Table():
                parts.append(_table_markdown(block))
            case Figure():
                pass
    return "\n\n".join(parts) + "\n"


def _table_html(table: Table, number: int) -> str:
    caption = _inline(table.caption)
    head = "".join(
        f'<th scope="col">{_inline(cell, True)}</th>' if cell else "<td></td>"
        for cell in table.head
    )
    body = []
    for name, *cells in table.rows:
        kinds = [""] * len(cells)
        if table.measured:
            kinds[-1] = ' class="measured"'
        data = "".join(
            f"<td{kind}>{_inline(cell)}</td>" for kind, cell in zip(kinds, cells, strict=True)
        )
        body.append(f'<tr><th scope="row">{_inline(name, True)}</th>{data}</tr>')
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="Table {number}">'
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>"
        + "\n".join(body)
        + "</tbody></table></div>"
    )


def _table_markdown(table: Table) -> str:
    rule = "|" + "|".join(["---", *["---:"] * (len(table.head) - 1)]) + "|"
    lines = [f"| {' | '.join(row)} |" for row in (table.head, *table.rows)]
    return "\n".join([f"**{table.caption}**", "", lines[0], rule, *lines[1:]])


def _inline(text: str, labelled: bool = False) -> str:
    """The maths and the marked words of a paragraph, as HTML."""
    parts = []
    for i, part in enumerate(re.split(r"(\$[^$]*\$[.,;:)]*)", text)):
        if i % 2:
            _, tex, after = part.split("$")
            math = mathml(tex, labelled=labelled)
            parts.append(f'<span class="keep">{math}{after}</span>' if after else math)
        else:
            parts.append(_marked(part))
    return "".join(parts)


def _marked(text: str) -> str:
    words = escape(text, quote=False)
    for mark, tag in _MARKS:
        words = re.sub(mark, rf"<{tag}>\1</{tag}>", words)
    return words
