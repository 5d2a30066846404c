"""The page: one self-contained file."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gradproof.report import format as written
from gradproof.report import tables
from gradproof.report import view as views
from gradproof.report.findings import Counterexample

# Messages are shown up to these lengths; whole, they lie in the witnesses folder.
MESSAGE = 6_000
ALL_MESSAGES = 200_000


def render(view: views.View) -> str:
    """The whole page, with its style and script."""
    return _environment().get_template("page.html.j2").render(view=view, shorten=_shortener())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gradproof.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        count=written.count,
        ratio=written.ratio,
        value=written.value,
        seconds=written.seconds,
        exact=written.exact,
        anchor=written.anchor,
        order=_order,
    )
    environment.globals.update(
        share=written.share,
        plural=written.plural,
        glyphs=views.GLYPHS,
        few_ulp=tables.FEW_ULP,
        nan=math.nan,
    )
    return environment


def _order(number: float) -> str:
    """A number for the sorting script; without one, below all others."""
    if math.isnan(number):
        return "-1"
    return "1e999" if math.isinf(number) else f"{number:.6g}"


def _shortener() -> Callable[[Counterexample], Any]:
    left = ALL_MESSAGES

    def shorten(case: Counterexample) -> str:
        nonlocal left
        room = min(MESSAGE, left)
        left -= min(len(case.text), room)
        if len(case.text) <= room:
            return case.text
        return f"{case.text[:room]}\n… the whole message is in witnesses/{case.stem}.txt"

    return shorten
