"""The smallest error that is still caught, layer by layer, as a section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from gradproof.report.section import Section

_LEAD = (
    "In each layer one entry of a gradient was made wrong on purpose, by less and less. The table "
    "has the smallest relative error that at least half of the drawn cases still caught."
)


def sensitivity(info: Mapping[str, Any]) -> tuple[Section, ...]:
    """The section, or none where the run measured nothing.

    info      run.json, with sensitivity {layer: {dtype: relative error}}
    """
    measured: Mapping[str, Mapping[str, float]] = info.get("sensitivity") or {}
    if not measured:
        return ()
    dtypes = sorted({dtype for by_dtype in measured.values() for dtype in by_dtype}, reverse=True)
    lines = [
        [layer, *(f"{own[d]:.0e}" if d in own else "–" for d in dtypes)]
        for layer, own in sorted(measured.items())
    ]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("layer", *dtypes))
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f'<td class="measured">{escape(cell)}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in lines
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    rows = ["| " + " | ".join(line) + " |" for line in (["layer", *dtypes], *lines)]
    rows.insert(1, "|---" * (len(dtypes) + 1) + "|")
    return (
        Section(
            title="The smallest error caught",
            anchor="smallest-error",
            html=f"<p>{escape(_LEAD)}</p>{table}",
            markdown=_LEAD + "\n\n" + "\n".join(rows) + "\n",
        ),
    )
