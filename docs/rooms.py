"""Who imports whom in gradproof/, read from the imports; `python docs/rooms.py` draws rooms.svg.

A room is a folder of gradproof/, or one of the few files beside the folders. The files through
which people come in are drawn as one, the doors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PICTURE = DOCS / "rooms.svg"
DOORS = "doors"
DOOR_FILES = frozenset(
    {"__init__", "__main__", "api", "cli", "options", "pytest_plugin", "terminal"}
)


@dataclass(frozen=True)
class Import:
    """One imported name, as ``module.name``.

    when    "load": with the file;  "call": when a function runs;  "types": for type checkers only
    """

    file: str
    line: int
    name: str
    when: Literal["load", "call", "types"]

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Every import in a file, wherever it stands."""
    file = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name

    def walk(node: ast.AST, when: Literal["load", "call", "types"]) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(file, child.lineno, alias.name, when) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file}:{child.lineno}: write the import in full"
                for alias in child.names:
                    yield Import(file, child.lineno, f"{child.module}.{alias.name}", when)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield from walk(child, "call")
            elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                yield from walk(child, "types")
            else:
                yield from walk(child, when)

    return tuple(walk(ast.parse(path.read_text(encoding="utf-8")), "load"))


@cache
def modules() -> dict[str, Path]:
    """Every module of gradproof/: its name and its file."""
    found = {}
    for path in sorted((ROOT / "gradproof").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def module_of(name: str, known: Iterable[str]) -> str:
    """The module that an imported name is, or stands in."""
    return name if name in known else name.rpartition(".")[0]


def room_of(module: str) -> str:
    """The room that a module of gradproof/ lies in."""
    _, _, inside = module.partition(".")
    room = inside.partition(".")[0] or "__init__"
    return DOORS if room in DOOR_FILES else room


def between_modules() -> dict[str, set[str]]:
    """Which modules of gradproof/ each of them imports, at any time."""
    known = modules()
    return {
        module: {module_of(i.name, known) for i in imports(path) if i.top == "gradproof"}
        for module, path in known.items()
    }


def between_rooms() -> dict[str, set[str]]:
    """Which other rooms each room imports."""
    found: dict[str, set[str]] = {}
    for module, imported in between_modules().items():
        room = room_of(module)
        found.setdefault(room, set()).update({room_of(m) for m in imported} - {room})
    return found


def circle(arrows: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle of imports, its first name again at its end; empty if there is none."""
    done: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name not in done:
            for other in sorted(arrows.get(name, ())):
                found = follow(other, [*way, name])
                if found:
                    return found
            done.add(name)
        return []

    return next(filter(None, (follow(name, []) for name in sorted(arrows))), [])


# From here on: the picture.

_COLUMN = {
    "rounding": 0.0,
    "arrays": 1.0,
    "subject": 1.0,
    "oracle": 1.0,
    "errors": 2.0,
    "storage": 2.0,
    "witnesses": 2.0,
    "report": 3.0,
    "mutation": 1.0,
    "checking": 2.0,
}
"""Where a room stands from left to right; in the middle, if it is not named here."""
_MIDDLE = 1.5
_WIDTH, _HEIGHT, _ACROSS, _UP, _EDGE = 148, 32, 176, 54, 20
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"
  height="{height:g}" role="img" aria-labelledby="title said">
  <title id="title">The rooms of gradproof</title>
  <desc id="said">{said}</desc>
  <style>{style}  </style>
  <marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"
    orient="auto"><path d="M0 0 8 4 0 8z"/></marker>
  <rect class="paper" width="100%" height="100%" rx="8"/>"""
_STYLE = """
    .paper { fill: #ffffff } .room { fill: #e8f1fa; stroke: #0072b2 }
    .door { fill: #fdf0dc; stroke: #b35900 } .name { fill: #1a1a1a } .arrow { stroke: #555555 }
    #tip path { fill: #555555 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #16191d } .room { fill: #17324a; stroke: #56b4e9 }
      .door { fill: #4a3413; stroke: #e69f00 } .name { fill: #f2f2f2 } .arrow { stroke: #b5b5b5 }
      #tip path { fill: #b5b5b5 }
    }
    .name { font: 15px system-ui, sans-serif; text-anchor: middle }
    .arrow { fill: none; stroke-width: 1.5 }
"""


def picture() -> str:
    """The rooms by floors, as SVG: each stands above all that it imports.

    An arrow that other arrows imply, by way of a room between, is left out.
    """
    arrows = between_rooms()
    floors = _floors(arrows)
    top = max(floors.values())
    places = {
        room: (
            _EDGE + _WIDTH / 2 + _ACROSS * _COLUMN.get(room, _MIDDLE),
            _EDGE + _UP * (top - floor),
        )
        for room, floor in floors.items()
    }
    width = 2 * _EDGE + _WIDTH + _ACROSS * max(3.0, *_COLUMN.values())
    height = 2 * _EDGE + _UP * top + _HEIGHT
    below = {room: _without_implied(room, arrows) for room in arrows}
    lines = [_arrow(places, a, b, floors[a] - floors[b]) for a in below for b in sorted(below[a])]
    boxes = [_box(room, *places[room]) for room in sorted(places, key=lambda r: places[r][::-1])]
    head = _HEAD.format(width=width, height=height, said=_said(below), style=_STYLE)
    return "\n".join([head, *lines, *boxes, "</svg>", ""])


def _floors(arrows: Mapping[str, set[str]]) -> dict[str, int]:
    """How many rooms lie one above the other beneath each room."""
    found: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in found:
            found[room] = max((floor(other) + 1 for other in arrows[room]), default=0)
        return found[room]

    for room in sorted(arrows):
        floor(room)
    return found


def _without_implied(room: str, arrows: Mapping[str, set[str]]) -> set[str]:
    """What a room imports, without what these rooms reach themselves."""

    def reached(start: str) -> set[str]:
        return arrows[start].union(*(reached(other) for other in arrows[start]))

    return arrows[room] - set().union(*(reached(other) for other in arrows[room]))


def _arrow(places: Mapping[str, tuple[float, float]], above: str, below: str, floors: int) -> str:
    """A straight line to the floor below; past other floors it goes aside and then down."""
    (x, y), (to_x, to_y) = places[above], places[below]
    if floors == 1:
        way = f"M{x:g} {y + _HEIGHT:g} {to_x:g} {to_y:g}"
    else:
        side = x + (_WIDTH / 2 if to_x > x else -_WIDTH / 2)
        way = f"M{side:g} {y + _HEIGHT / 2:g} H{to_x:g} V{to_y:g}"
    return f'  <path class="arrow" d="{way}" marker-end="url(#tip)"/>'


def _box(room: str, x: float, y: float) -> str:
    kind = "door" if room == DOORS else "room"
    return (
        f'  <rect class="{kind}" x="{x - _WIDTH / 2:g}" y="{y:g}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="6"/><text class="name" x="{x:g}" y="{y + 21:g}">{room}</text>'
    )


def _said(below: Mapping[str, set[str]]) -> str:
    """The arrows in words, for those who do not see them."""
    return " ".join(
        f"{room} imports {', '.join(sorted(below[room]))}." for room in sorted(below) if below[room]
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)} written")
