"""The wheel alone, with what it requires and torch, does what the README shows first."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="layers are judged against torch")


from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
EXAMPLE, SAID = (
    re.findall(rf"```{kind}\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[0]
    for kind in ("python", "text")
)
FORGOTTEN = "dy - dy.mean(-1, keepdim=True)"
TERM = "normal * (dy * normal).mean(-1, keepdim=True)"


def required(names: list[str]) -> set[str]:
    """Distributions that these require, and theirs, without any extra."""
    found: set[str] = set()
    while names:
        name = names.pop()
        if name in found:
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:  # of another platform
            continue
        found.add(name)
        wanted = [Requirement(r) for r in needs]
        names += [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that holds the wheel, torch, and what the two require: no more."""
    folder = tmp_path_factory.mktemp("site")
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel"))))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
        about = packed.read(next(n for n in packed.namelist() if n.endswith("/METADATA"))).decode()
    needs = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", about, re.MULTILINE)
    for name in required([*needs, "torch"]):
        held = distribution(name)
        tops = {file.parts[0] for file in held.files or [] if file.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(held.locate_file(top))))
    return folder


def run(site: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program that sees nothing but this folder and the standard library."""
    start = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    command = [sys.executable, "-I", "-S", "-c", start + program]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=site, timeout=300
    )


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_example_is_short() -> None:
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) <= 15


def test_it_finds_the_bug_and_names_it(site: Path) -> None:
    done = run(site, EXAMPLE)
    assert done.returncode == 1
    assert "Disagreement" in done.stderr
    for line in SAID.splitlines():
        assert squeezed(line) in squeezed(done.stderr)


def test_mended_it_agrees(site: Path) -> None:
    assert EXAMPLE.count(FORGOTTEN) == 1
    done = run(site, EXAMPLE.replace(FORGOTTEN, f"{FORGOTTEN} - {TERM}"))
    assert (done.returncode, done.stderr) == (0, "")


def test_only_what_is_required_is_there(site: Path) -> None:
    done = run(site, "import gradproof, pandas")
    assert "No module named 'pandas'" in done.stderr
    assert run(site, "import gradproof\nprint(gradproof.__file__)").stdout.startswith(str(site))
