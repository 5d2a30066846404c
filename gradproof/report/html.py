"""The pages: each one self-contained file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gradproof.report import format as written
from gradproof.report import tables
from gradproof.report import view as views
from gradproof.report.findings import Counterexample

# Messages are shown up to these lengths; whole, they lie in the counterexamples folder.
MESSAGE = 6_000
ALL_MESSAGES = 200_000

# End tags, spaces and comments that a browser does not need: a page is a quarter smaller.
STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
INDENT = re.compile(r"^\s+(?://.*\n)?", re.MULTILINE)
SPACES = re.compile(r"\s*([{};,])\s*")
OPTIONAL = re.compile(r"</(?:td|th|tr|thead|tbody|li|dt|dd|option)>")


def render(view: views.View) -> dict[str, str]:
    """Every page by its name: one for each section, and index.html."""
    pages = {f"{s.anchor}.html": _page("section", view=view, section=s) for s in view.sections}
    return pages | {"index.html": _page("index", view=view, shorten=_shortener())}


def _page(template: str, **values: Any) -> str:
    text = _environment().get_template(f"{template}.html.j2").render(values)
    text = STYLE.sub(lambda style: SPACES.sub(r"\1", style[0]), text)
    text = SCRIPT.sub(lambda script: INDENT.sub("", script[0]), text)
    return OPTIONAL.sub("", text)


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
    )
    environment.globals.update(
        share=written.share,
        plural=written.plural,
        glyphs=views.GLYPHS,
        few_ulp=tables.FEW_ULP,
        nan=math.nan,
    )
    return environment


def _shortener() -> Callable[[Counterexample], Any]:
    left = ALL_MESSAGES

    def shorten(case: Counterexample) -> str:
        nonlocal left
        room = min(MESSAGE, left)
        left -= min(len(case.text), room)
        if len(case.text) <= room:
            return case.text
        return f"{case.text[:room]}\n… the whole message is in counterexamples/{case.stem}.txt"

    return shorten
