"""The catalogue of planted bugs, by which the judge is measured: data, and nothing but data.

A TOML file holds the bugs in the functions of the module of manual/ that has its name, a table for
each bug: the table's name is the bug's, its keys are the fields of `gradproof.Bug`. In
`quantities` an output is called y, and of an optimiser a parameter ``param`` and an entry of its
state by its key. An `origin` in a layer that is not here, such as a convolution, is where that
mistake was reported; the bug is the same mistake here. Changes that look like mistakes and are none
stand in harmless.toml, each with the reason why it changes nothing but rounding.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from gradproof.mutation.bug import Bug

FOLDER = Path(__file__).parent

CAUSES = {
    "sign": "minus for plus",
    "factor": "a factor too many or too few, or another one",
    "mean": "a mean for a sum, or a mean over another number of entries",
    "sum": "terms of a sum left out",
    "axis": "another axis",
    "transpose": "a transpose or permutation that is missing, or not the inverse one",
    "swap": "two things exchanged",
    "mask": "other entries chosen, at kinks and ties too",
    "edge": "an end, an offset or a count that is off",
    "accumulate": "overwritten instead of added, or added twice",
    "zero": "no gradient where there is one",
    "missing": "a term, a factor of the chain rule or an option left out",
    "shape": "not the argument's shape",
    "dtype": "not the argument's dtype",
    "alias": "something received or saved is written to, or handed out again",
    "nan": "not a number, or infinite, where there is a number; or the reverse",
    "state": "what is remembered is wrong, stale or of another call",
    "order": "right steps in the wrong order",
    "epsilon": "eps at the wrong place, a cut where none is, or precision lost",
    "constant": "another constant or option",
    "wiring": "a cotangent sent to another value",
}
"""What is wrong, in one word, and what the word means."""

_PLANTED = ("kind", "function", "old", "new")
_BUG = (*_PLANTED, "cause", "exposed", "origin")
_HARMLESS = (*_PLANTED, "why")
_TYPES = {"at": int, "quantities": list}
"""The optional fields; all others are text."""


class CatalogueError(ValueError):
    """A file of the catalogue that is not as it should be."""


def bugs(folder: Path = FOLDER) -> list[Bug]:
    """All planted bugs, by file and in the order in which they stand there.

    Raises    CatalogueError for a file that is not as it should be, or a name that is used twice
    """
    found: dict[str, Bug] = {}
    for path in sorted(folder.rglob("*.toml")):
        if path.stem == "harmless":
            continue
        for name, table in _tables(path, _BUG).items():
            if name in found:
                raise _wrong(path, name, "another file has a bug of that name")
            if table["cause"] not in CAUSES:
                raise _wrong(path, name, f"cause is one of {', '.join(CAUSES)}")
            module = ".".join(("manual", *path.relative_to(folder).with_suffix("").parts))
            if not table["function"].startswith(f"{module}:"):
                raise _wrong(path, name, f"function is none of {module}")
            found[name] = _bug(name, table)
    return list(found.values())


def harmless(folder: Path = FOLDER) -> list[tuple[Bug, str]]:
    """Changes that are no bugs, each with the reason why it changes nothing but rounding.

    Raises    CatalogueError for a file that is not as it should be
    """
    tables = _tables(folder / "harmless.toml", _HARMLESS)
    return [(_bug(name, t), t["why"]) for name, t in tables.items()]


def _bug(name: str, table: dict[str, Any]) -> Bug:
    given = {key: value for key, value in table.items() if key != "why"}
    return Bug(name, **given | {"quantities": tuple(given.get("quantities", ()))})


def _tables(path: Path, required: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The tables of a file, all of them with every required field and no unknown one."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path.name} is no TOML: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise _wrong(path, name, f"a bug is a table, [{name}], not a {type(table).__name__}")
        for field in required:
            if field not in table:
                raise _wrong(path, name, f"{field} is missing")
        for field, value in table.items():
            if field not in (*required, *_TYPES):
                raise _wrong(path, name, f"there is no field {field}")
            wanted = _TYPES.get(field, str)
            if not isinstance(value, wanted):
                raise _wrong(path, name, f"{field} is a {wanted.__name__}, not {value!r}")
    return tables


def _wrong(path: Path, name: str, what: str) -> CatalogueError:
    return CatalogueError(f"{path.name}: {name}: {what}")
