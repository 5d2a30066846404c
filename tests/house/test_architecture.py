"""The arrows between the packages point one way, and a few things are nowhere at all."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"manual", "reference", "gradproof", "tests", "reports", "benchmarks", "docs"}
LINE_LIMIT = 400

MAY_IMPORT = {
    "manual": {"manual", "numpy", "scipy.special"},
    "reference": {"reference", "manual", "torch"},
    "gradproof": {
        "filelock",
        "gradproof",
        "hypothesis",
        "jinja2",
        "numpy",
        "pandas",
        "pyarrow",
        "pytest",
        "rich",
    },
}
"""What a package may import when it is imported itself, beside the standard library."""

MAY_IMPORT_LATE = {"gradproof": {"flint", "torch"}}
"""What it may import inside a function too, when it is needed: torch takes seconds, and
python-flint need not be installed."""

TORCH_AT_THE_TOP = {
    "gradproof/magnitude.py": "reads the reference's graph; imported with oracle.py",
    "gradproof/network_oracle.py": "runs the reference's networks; imported when a run starts",
    "gradproof/noise.py": "disturbs torch's own primitives; imported when a run starts",
    "gradproof/oracle.py": "runs the reference; imported when a run starts",
    "gradproof/systematic.py": "disturbs what torch's primitives give; imported when a run starts",
}
"""Files of gradproof that import torch when they are imported, and why they may."""

WITHOUT_TORCH = [
    "gradproof",
    "gradproof.cases",
    "gradproof.cli",
    "gradproof.pytest_plugin",
    "manual",
]
"""What must load without torch, and quickly: the command line says so when torch is missing."""


@dataclass(frozen=True)
class Import:
    """One imported module; late if a function does it, or only a type checker."""

    file: str
    line: int
    module: str
    late: bool


def sources(*packages: str) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if "_build" not in path.parts]


def imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name

    def walk(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inside = late or isinstance(child, ast.FunctionDef | ast.Lambda) or _for_types(child)
            if isinstance(child, ast.Import):
                yield from (Import(name, child.lineno, a.name, late) for a in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{name}:{child.lineno}: write the import in full"
                for alias in child.names:
                    module = f"{child.module}.{alias.name}"
                    yield Import(name, child.lineno, module, late)
            else:
                yield from walk(child, inside)

    return walk(tree, late=False)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def forbidden(found: Import, package: str) -> bool:
    allowed = set(MAY_IMPORT[package])
    if found.late or found.file in TORCH_AT_THE_TOP:
        allowed |= MAY_IMPORT_LATE.get(package, set())
    top = found.module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return False
    return not any(found.module == name or found.module.startswith(f"{name}.") for name in allowed)


def report(found: list[Import], rule: str) -> str:
    return "\n".join([rule, *(f"  {i.file}:{i.line} imports {i.module}" for i in found)])


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    found = [i for path in sources(package) for i in imports(path) if forbidden(i, package)]
    allowed = ", ".join(sorted(MAY_IMPORT[package]))
    assert not found, report(found, f"{package}/ may import only {allowed}:")


def test_manual_never_sees_the_oracle() -> None:
    """Said by itself, because it is what makes the comparison worth anything."""
    found = [i for p in sources("manual") for i in imports(p) if "torch" in i.module.split(".")]
    assert not found, report(found, "manual/ never imports torch:")


def test_the_plugin_loads_nothing_slow() -> None:
    """pytest imports it in every project where gradproof is installed."""
    quick = {"gradproof", "pytest"}
    found = [
        i
        for path in sources("gradproof")
        if path.name == "pytest_plugin.py"
        for i in imports(path)
        if not i.late and i.module.partition(".")[0] not in quick | sys.stdlib_module_names
    ]
    assert not found, report(found, "gradproof/pytest_plugin.py imports late:")


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_torch_is_loaded_late(module: str) -> None:
    code = f"import {module}, sys; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_torch_at_the_top_is_not_stale() -> None:
    needed = {
        i.file
        for path in sources("gradproof")
        for i in imports(path)
        if not i.late and i.module.partition(".")[0] == "torch"
    }
    assert set(TORCH_AT_THE_TOP) <= needed


def test_no_file_is_long() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources(*OWN)
    }
    assert not {name: length for name, length in lengths.items() if length > LINE_LIMIT}


def test_nothing_is_pickled() -> None:
    """A file that somebody sent is data, never code."""
    pickles = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
    found = [
        i for path in sources(*OWN) for i in imports(path) if i.module.partition(".")[0] in pickles
    ]
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
    found = {(i.module, i.late) for i in imports(path)}
    assert found == {
        ("a.b", False),
        ("c.d", False),
        ("e", True),
        ("f", False),
        ("torch.nn", True),
        ("i", False),
        ("k", True),
    }


@pytest.mark.parametrize(
    ("package", "module", "late", "wrong"),
    [
        ("manual", "torch", True, True),
        ("manual", "scipy.special.erf", False, False),
        ("manual", "scipy.linalg", False, True),
        ("manual", "reference.twin", False, True),
        ("gradproof", "torch.nn", True, False),
        ("gradproof", "torch.nn", False, True),
        ("gradproof", "manual.layer", True, True),
        ("reference", "torch.nn", False, False),
        ("reference", "numpy", False, True),
    ],
)
def test_the_rules(package: str, module: str, late: bool, wrong: bool) -> None:
    assert forbidden(Import("x.py", 1, module, late), package) is wrong
