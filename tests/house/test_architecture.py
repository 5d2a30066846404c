"""docs/architecture.md says who may import whom, and a few things are nowhere at all."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from docs.rooms import (
    DOOR_FILES,
    DOORS,
    PICTURE,
    ROOT,
    Import,
    between_modules,
    between_rooms,
    circle,
    imports,
    module_of,
    modules,
    picture,
    room_of,
)

PAGE = ROOT / "docs" / "architecture.md"
OWN = {"manual", "reference", "gradproof", "tests", "reports", "benchmarks", "docs"}
LINE_LIMIT = 400

MAY_IMPORT = {
    "manual": {"manual", "numpy", "scipy.special"},
    "reference": {"reference", "manual", "torch"},
}
"""What a package may import, beside the standard library; of gradproof/ the page says it."""

LATE = {
    "flint": "need not be installed",
    "pandas": "need not be installed, and is for those who ask for a table",
    "gradproof.report.build": "takes seconds, and a subject that only makes a Section needs it not",
}
"""What a room imports late, when a function runs, and why; the doors may import anything late."""

WITHOUT_TORCH = [
    "gradproof",
    "gradproof.cases.*",
    "gradproof.cli",
    "gradproof.pytest_plugin",
    "gradproof.rounding.bound",
    "gradproof.storage.*",
    "gradproof.subject.*",
    "manual.*",
]
"""What must load without torch, and quickly: the command line says so when torch is missing."""


@dataclass(frozen=True)
class Row:
    """A line of the page's table: a room, what it may import, and what from outside."""

    room: str
    about: str
    rooms: frozenset[str]
    outside: frozenset[str]


def table() -> dict[str, Row]:
    """The rooms of the page, from the ground up."""
    text = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    found: dict[str, Row] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            room, about, rooms, outside = (cell.strip() for cell in line.strip("|").split("|"))
            name = room.strip("`")
            every = frozenset(found) if rooms == "every room" else code(rooms)
            found[name] = Row(name, about, every, code(outside))
    return found


def code(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"`([^`]+)`", text))


def sources(*packages: str) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if "_build" not in path.parts]


def under(name: str, allowed: set[str] | frozenset[str]) -> bool:
    """Whether a name is one of the allowed ones, or lies in one of them."""
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def forbidden(found: Import, package: str) -> bool:
    return found.top not in sys.stdlib_module_names and not under(found.name, MAY_IMPORT[package])


def refused(found: Import, row: Row) -> bool:
    """Whether the table forbids an import that stands in a file of this row's room."""
    if found.top != "gradproof":
        return found.top not in sys.stdlib_module_names | row.outside | {"numpy"}
    module = module_of(found.name, modules())
    inside = module.partition(".")[2]
    return room_of(module) != row.room and not under(inside, row.rooms)


def of_room(room: str) -> list[Import]:
    """All imports in a room's files."""
    return [i for m, path in modules().items() if room_of(m) == room for i in imports(path)]


def report(found: list[Import], rule: str) -> str:
    return "\n".join([rule, *(f"  {i.file}:{i.line} imports {i.name}" for i in found)])


ROOMS = table()


def test_the_table_names_all_that_lies_in_gradproof() -> None:
    folder = ROOT / "gradproof"
    there = {p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert set(ROOMS) == {DOORS} | (there - DOOR_FILES)
    assert code(ROOMS[DOORS].about) == {f"{name}.py" for name in there & DOOR_FILES}


def test_only_doors_arrays_and_errors_are_no_folders() -> None:
    files = {path.stem for path in (ROOT / "gradproof").glob("*.py")}
    assert files - DOOR_FILES == {"arrays", "errors"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_the_table_allows(room: str) -> None:
    found = [i for i in of_room(room) if refused(i, ROOMS[room])]
    assert not found, report(found, f"{PAGE.name} does not allow gradproof/{room} to import this:")


@pytest.mark.parametrize("room", [room for room in ROOMS if room != DOORS])
def test_what_the_table_allows_is_needed(room: str) -> None:
    names = [i.name.removeprefix("gradproof.") for i in of_room(room)]
    allowed = ROOMS[room].rooms | ROOMS[room].outside
    stale = {one for one in allowed if not any(under(name, {one}) for name in names)}
    assert not stale, f"{PAGE.name}: {room} no longer imports {', '.join(sorted(stale))}; remove it"


def test_the_table_goes_from_the_ground_up() -> None:
    order = list(ROOMS)
    for row in ROOMS.values():
        before = set(order[: order.index(row.room)])
        later = {name.partition(".")[0] for name in row.rooms} - before
        assert not later, f"{PAGE.name}: {row.room} may not import {', '.join(later)}, named later"


def test_no_circle() -> None:
    assert not circle(between_rooms()), " → ".join(circle(between_rooms()))
    assert not circle(between_modules()), " → ".join(circle(between_modules()))


def test_only_the_doors_import_late() -> None:
    late = [
        i
        for module, path in modules().items()
        if room_of(module) != DOORS
        for i in imports(path)
        if i.when == "call"
    ]
    found = [i for i in late if not under(i.name, set(LATE))]
    assert not found, report(found, "only the doors import late:")
    stale = {name for name in LATE if not any(under(i.name, {name}) for i in late)}
    assert not stale, f"LATE need not name {', '.join(stale)}; remove it"


def test_what_need_not_be_installed_is_imported_late() -> None:
    found = [i for p in sources("gradproof") for i in imports(p) if i.top == "flint"]
    assert {i.when for i in found} == {"call"}, report(found, "import flint late:")


def test_the_picture_is_of_today_s_imports() -> None:
    drawn = PICTURE.read_text(encoding="utf-8") == picture()
    assert drawn, "docs/rooms.svg is out of date: python docs/rooms.py"


def test_no_two_rooms_are_drawn_over_each_other() -> None:
    boxes = re.findall(r'<rect class="\w+" x="([\d.]+)" y="([\d.]+)" width="(\d+)"', picture())
    places = sorted((float(y), float(x), float(width)) for x, y, width in boxes)
    assert len(places) == len(ROOMS)
    for (y, x, width), (next_y, next_x, _) in pairwise(places):
        assert y < next_y or x + width < next_x, "give them another _COLUMN in docs/rooms.py"


def test_the_page_names_what_is_there() -> None:
    names = [n for n in code(PAGE.read_text(encoding="utf-8")) if n.partition(".")[0] in ROOMS]
    missing = [n for n in names if n != DOORS and not defined(n)]
    assert not missing, f"{PAGE.name} names what is nowhere in gradproof/: {', '.join(missing)}"


def defined(name: str) -> bool:
    """Whether ``room.module.Class.method`` is there, without importing it."""
    known, module, inside = modules(), f"gradproof.{name}", []
    while module not in known:
        module, _, last = module.rpartition(".")
        inside.insert(0, last)
    body: list[ast.stmt] = ast.parse(known[module].read_text(encoding="utf-8")).body
    for part in inside:
        node = next((n for n in body if part in names_of(n)), None)
        if node is None:
            return False
        body = node.body if isinstance(node, ast.ClassDef) else []
    return True


def names_of(node: ast.stmt) -> set[str]:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    found = [i for path in sources(package) for i in imports(path) if forbidden(i, package)]
    allowed = ", ".join(sorted(MAY_IMPORT[package]))
    assert not found, report(found, f"{package}/ may import only {allowed}:")


def test_manual_never_sees_the_oracle() -> None:
    """Said by itself, because it is what makes the comparison worth anything."""
    found = [i for p in sources("manual") for i in imports(p) if "torch" in i.name.split(".")]
    assert not found, report(found, "manual/ never imports torch:")


def test_the_plugin_loads_nothing_slow() -> None:
    """pytest imports it in every project where gradproof is installed."""
    quick = {"gradproof", "pytest"} | sys.stdlib_module_names
    plugin = ROOT / "gradproof" / "pytest_plugin.py"
    found = [i for i in imports(plugin) if i.when == "load" and i.top not in quick]
    assert not found, report(found, "gradproof/pytest_plugin.py imports late:")


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_torch_is_loaded_late(name: str) -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        f"name, star = {name!r}.removesuffix('.*'), {name.endswith('.*')}\n"
        "module = importlib.import_module(name)\n"
        "for other in pkgutil.walk_packages(module.__path__, name + '.') if star else ():\n"
        "    importlib.import_module(other.name)\n"
        "print(*{'torch', 'pandas'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    made = subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True, text=True)
    assert made.stdout == "\n"


def test_no_file_is_long() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources(*OWN)
    }
    assert not {name: length for name, length in lengths.items() if length > LINE_LIMIT}


def test_nothing_is_pickled() -> None:
    """A file that somebody sent is data, never code."""
    pickles = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
    found = [i for path in sources(*OWN) for i in imports(path) if i.top in pickles]
    assert not found, report(found, "nothing here is pickled:")
    loads = re.compile(r"allow_pickle\s*=\s*True|read_pickle|torch\.load\(")
    unsafe = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources(*OWN)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if loads.search(line)
    ]
    assert not unsafe


def test_no_tolerance_is_typed_in_the_judge() -> None:
    """A bound is measured; a number that somebody typed is where wrong gradients get in."""
    words = {"rtol", "atol", "rel_tol", "abs_tol", "allclose", "isclose", "assert_allclose"}
    found = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', '?')}"
        for path in sources("gradproof")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if words & {getattr(node, key, None) for key in ("id", "attr", "arg", "name")}
    ]
    assert not found


# From here on: the reading of imports itself.


def test_imports_are_found_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import a.b\n"
        "from c import d\n"
        "if TYPE_CHECKING:\n    import e\n"
        "try:\n    import f\nexcept ImportError:\n    pass\n"
        "def g():\n    if True:\n        from torch import nn\n"
        "class H:\n    import i\n    def j(self): import k\n"
    )
    found = {(i.name, i.when) for i in imports(path)}
    assert found == {
        ("a.b", "load"),
        ("c.d", "load"),
        ("e", "types"),
        ("f", "load"),
        ("torch.nn", "call"),
        ("i", "load"),
        ("k", "call"),
    }


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b", "d"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_what_is_not_there_is_not_defined() -> None:
    assert defined("rounding.bound.Comparison.bound")
    assert not defined("rounding.bound.Comparison.tolerance")
    assert not defined("rounding.tolerance")


@pytest.mark.parametrize(
    ("package", "name", "wrong"),
    [
        ("manual", "torch", True),
        ("manual", "scipy.special.erf", False),
        ("manual", "scipy.linalg", True),
        ("manual", "reference.twin", True),
        ("reference", "torch.nn", False),
        ("reference", "numpy", True),
    ],
)
def test_the_rules_of_a_package(package: str, name: str, wrong: bool) -> None:
    assert forbidden(Import("x.py", 1, name, "load"), package) is wrong


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("gradproof.cases.case.Case", False),
        ("gradproof.report.format.count", False),
        ("gradproof.report.load", True),
        ("gradproof.mutation.bug", False),
        ("gradproof.training.record.record", True),
        ("gradproof.cli", True),
        ("gradproof.__version__", True),
        ("manual.layer", True),
        ("torch.nn", True),
        ("json", False),
    ],
)
def test_the_rules_of_a_room(name: str, wrong: bool) -> None:
    row = Row("mutation", "", frozenset({"cases", "report.format"}), frozenset())
    assert refused(Import("x.py", 1, name, "load"), row) is wrong
