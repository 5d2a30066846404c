"""The page `docs/one-call.md` does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
import gradproof
from tests.checking.pages import DOCS, program_of, unsaid

PAGE = (DOCS / "one-call.md").read_text(encoding="utf-8")
EXAMPLE, VARYING, TEST, MANY = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SAID = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0]
FORGOTTEN = "dy - dy.mean(-1, keepdim=True)"


def test_the_example_is_short() -> None:
    lines = [line for line in EXAMPLE.splitlines() if line.strip() and line[0] != "#"]
    assert len(lines) <= 15


def test_the_example_finds_the_bug_and_names_it() -> None:
    with pytest.raises(gradproof.Disagreement) as caught:
        exec(EXAMPLE, {})
    assert not unsaid(SAID, str(caught.value))


def test_mended_it_agrees() -> None:
    term = re.findall(r"With `(- [^`]*)` in the bracket", PAGE)[0]
    assert EXAMPLE.count(FORGOTTEN) == 1
    exec(EXAMPLE.replace(FORGOTTEN, f"{FORGOTTEN} {term}"), {})


def test_shapes_may_vary() -> None:
    held: dict[str, object] = {}
    exec(VARYING, held)
    verdict = gradproof.check(torch.mul, torch.mul, held["inputs"], cases=10)
    assert len(set(verdict.table["shape"])) > 1


def test_pytest_shows_the_call_and_the_message(tmp_path: Path) -> None:
    file = tmp_path / "test_norm.py"
    head = EXAMPLE[: EXAMPLE.index("gradproof.check(")]
    file.write_text(f"{head}\n\n{TEST}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    assert "LayerNorm disagrees with PyTorch in the gradient of x" in said
    assert ">       gradproof.check(LayerNorm.apply" in said
    assert "gradproof/checking" not in said.replace("\\", "/")


def test_the_page_on_modules_names_the_part() -> None:
    page = (DOCS / "modules.md").read_text(encoding="utf-8")
    program, low = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    head = EXAMPLE[: EXAMPLE.index("gradproof.check(")]
    held: dict[str, object] = {}
    with pytest.raises(gradproof.Disagreement, match="its part 1 is wrong, in training"):
        exec(head + program, held)
    exec(low, held)
    once, twice = (part.strip() for part in re.findall(r"\* 1(?=  #)|\* 1\.1 / 1\.1", low))
    with pytest.raises(gradproof.Disagreement, match="its part 1 is wrong, in training"):
        exec(low.replace(once, twice, 1), held)


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("low-precision", "sigmoid(x.float()).to(x.dtype)", "sigmoid(x.float())"),
        ("training", ".mean(0)", ".sum(0)"),
        ("c-code", "return dy", "return 2 * dy"),
        ("jax", "x * s)", "x * (1 - s))"),
    ],
)
def test_a_page_finds_its_fault_and_mended_it_agrees(name: str, wrong: str, right: str) -> None:
    if name == "jax":
        pytest.importorskip("jax", reason="did not run: pip install jax")
    program, shown = program_of(name)
    with pytest.raises(gradproof.Disagreement) as caught:
        exec(program, {})
    assert not unsaid(shown, str(caught.value))
    assert wrong in program
    exec(program.replace(wrong, right), {})


def test_the_file_of_checks_agrees() -> None:
    held: dict[str, Any] = {}
    exec(MANY, held)
    assert set(held["checks"]) == {"tanh", "log", "expm1"}
    for name, given in held["checks"].items():
        assert gradproof.check(given.func, given.reference, given.inputs, cases=5), name
