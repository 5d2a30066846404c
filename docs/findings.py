"""What was found in published packages: `python -m docs.findings` writes findings.md."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "findings.md"
FIGURES = ROOT / "reports" / "judge" / "others.json"
REQUIRED = ("opt_einsum", "opt_einsum_fx", "kornia_rs")
"""Packages that others need, in the folder of several small ones."""
HEAD = """# Findings in others' code

A judge that is tuned on its own layers is a toy. So {packages} published packages, none of which knows this project, were judged from outside, against the same
functions of PyTorch: **{checks} hand-written gradients, of which {agree} agree** in {cases} drawn cases each. Nearly every one that does not was examined by hand, and is one of these:

- a **wrong gradient**, or a wrong function. For {scripts} of them there is a script in `examples/` that shows it on a few numbers, beside finite differences or the
  value that is known, **without gradproof**. It fails once the package is mended, and `make others` runs all of them;
- **digits that are lost**: right in theory, and off by far more than rounding;
- **another choice** at a kink or a tie, or where there is no derivative;
- what **cannot be judged**: it raises, or gives another dtype.

The README of each folder says which is which. Functions that were mistaken for wrong were the judge's fault and were mended there: [below](#what-the-judge-got-wrong).

```console
make others                                   # all of them, an hour on one core
cd examples/autograd; gradproof check checks_shape.py --only repeat_negative
```

| package | folder | gradients | agree | wrong, with a script |
|---|---|---|---|---|
"""
MIDDLE = """
Where there is a dash only the scripts were run: Triton's interpreter takes too long for all checks, and the README has what single runs gave.

## Wrong gradients, and functions

Each line is one script. Whether the authors know of it was looked up where that was possible; the README of the folder says so.

"""
TAIL = """
## What the judge got wrong

Every false alarm is a fault of the judge, mended for all functions at once. Judging these packages brought out:

- Differences along a sine of large numbers agreed on a slope of zero over many periods, and two right sides were both called wrong. A much smaller step now has to
  confirm an estimate.
- A function that reads one triangle of a symmetric matrix (Cholesky) has two gradients, that of its formula and the symmetric one. The symmetric one was called wrong on both sides.
- A sum of two tensors gives both inputs the same tensor as gradient, as autograd does. It was blamed for shared memory.
- A function whose outputs have another size beside a kink (`x[x > 0]`), and one that returns a tensor with its sign still to be applied, ended the run. They are judged.
- Numba, which compiles in the first call, did not know the functions that fill fresh memory with NaN.
- Whether a function works entry by entry was asked in a way that a norm over a distant axis could answer wrongly.
"""


def page() -> str:
    """The page, from what was measured and from the first lines of the scripts."""
    held = json.loads(FIGURES.read_text(encoding="utf-8"))
    folders: dict[str, dict[str, Any]] = held["folders"]
    theirs = {name: one for name, one in folders.items() if name != "triton"}  # kernels of ours
    head = HEAD.format(
        packages=sum(len(_packages(name, one)) for name, one in theirs.items()),
        checks=f"{sum(one['checks'] for one in theirs.values()):,}",
        agree=f"{sum(one['agree'] for one in theirs.values()):,}",
        scripts=sum(len(one["scripts"]) for one in folders.values()),
        cases=" or ".join(str(n) for n in sorted({o["cases"] for o in folders.values()})),
    )
    rows = [
        f"| {', '.join(_packages(name, one))} | `examples/{name}` | {one['checks'] or '–'} "
        f"| {one['agree'] or '–'} | {len(one['scripts'])} |"
        for name, one in folders.items()
    ]
    sections = [_section(name, one) for name, one in folders.items() if one["scripts"]]
    return head + "\n".join(rows) + "\n" + MIDDLE + "\n\n".join(sections) + "\n" + TAIL


def _section(name: str, one: dict[str, Any]) -> str:
    """A line for each script of a folder."""
    lines = [
        f"- `{script}`: {first_line(ROOT / 'examples' / name / script)}"
        for script in one["scripts"]
    ]
    return f"### {', '.join(_packages(name, one))}\n\n" + "\n".join(lines)


def _packages(name: str, one: dict[str, Any]) -> list[str]:
    """The packages that a folder is about, with their versions; others are only required."""
    named = [r for r in one["requirements"] if r.partition("==")[0] not in REQUIRED]
    wanted = [r.replace("==", " ") for r in named]
    plain = name.replace("_", "-")
    return [w for w in wanted if w.split()[0].replace("_", "-") == plain] or wanted


def first_line(script: Path) -> str:
    """The first line of a script's document."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
