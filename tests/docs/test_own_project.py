"""docs/own-project.md, done as it stands there, in a folder of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the layer is judged against torch")

from tests.command import GRADPROOF, ROOT, python

PAGE = ROOT / "docs" / "own-project.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="a source distribution has no docs")
TERM = " - normal * along"


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    blocks = re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)
    names = ["pyproject.toml", "judged.py", "test_gradients.py", "kernel.py"]
    assert [name for name, _ in blocks] == names
    for name, block in blocks:
        (tmp_path / name).write_text(block, encoding="utf-8")
    return tmp_path


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # Only the judge is there, as it is once installed: not this repository's own layers.
    modules = project / "installed"
    if not modules.exists():
        modules.mkdir()
        (modules / "gradproof").symlink_to(ROOT / "gradproof")
    return python(project, modules, *command)


def verify(project: Path) -> subprocess.CompletedProcess[str]:
    return run(project, "-c", GRADPROOF, "verify", "--profile", "quick")


def test_the_layer_is_judged(project: Path) -> None:
    done = verify(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "reports/latest/index.html").is_file()
    tested = run(project, "-m", "pytest", "-q", ".")
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"^LayerNorm +25 ", tested.stdout, re.MULTILINE)


def test_a_forgotten_term_is_told_as_the_page_says(project: Path) -> None:
    layer = project / "judged.py"
    right = layer.read_text(encoding="utf-8")
    assert right.count(TERM) == 1
    layer.write_text(right.replace(TERM, ""), encoding="utf-8")
    done = verify(project)
    assert done.returncode == 1, done.stdout + done.stderr
    (said,) = re.findall(r"^```text\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)
    for line in said.splitlines():
        assert line in done.stdout.splitlines()


def test_a_rule_that_refuses_too_much_ends_the_run(project: Path) -> None:
    layer = project / "judged.py"
    strict = layer.read_text(encoding="utf-8").replace(
        "empty=False)", "empty=False, accepts=lambda layer, x, weight, bias: False)"
    )
    layer.write_text(strict, encoding="utf-8")
    done = verify(project)
    assert done.returncode == 2, done.stdout + done.stderr
    said = (
        r"accepts of LayerNorm refused .* draws, so only 0 of \d+ cases were judged; draw what it"
    )
    assert re.search(said, done.stderr)


@pytest.mark.parametrize("lost", ["", " - x * r * r * (g * x).mean(-1, keepdim=True)"])
def test_the_kernel_is_judged(project: Path, lost: str) -> None:
    kernel, named = project / "kernel.py", project / "pyproject.toml"
    right = kernel.read_text(encoding="utf-8")
    assert lost in right
    kernel.write_text(right.replace(lost, ""), encoding="utf-8")
    named.write_text(named.read_text(encoding="utf-8").replace("judged:", "kernel:"), "utf-8")
    done = verify(project)
    assert done.returncode == int(lost != ""), done.stdout + done.stderr
    for said in (
        "RMSNorm disagrees with PyTorch in the gradient of x",
        "a term proportional to x along axis 1 is missing",
    ):
        assert (said in done.stdout) == bool(lost)
