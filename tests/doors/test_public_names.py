"""The names that `from gradproof import …` gives: where they come from, and how soon."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import gradproof
from gradproof import InputError, Subject, load_subject

SOURCE = Path(gradproof.__file__)
SLOW = {"numpy", "torch", "pandas", "hypothesis"}


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    made = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    return made.stdout.strip()


def for_type_checkers() -> dict[str, str]:
    """Name → module, as type checkers and editors read it."""
    guarded = (n for n in ast.parse(SOURCE.read_text(encoding="utf-8")).body if type(n) is ast.If)
    return {
        alias.name: str(node.module)
        for branch in guarded
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_importing_gradproof_loads_nothing_slow() -> None:
    assert run(f"import gradproof, sys; print(*{SLOW!r} & set(sys.modules))") == ""


def test_a_check_loads_nothing_that_only_others_need() -> None:
    """SymPy takes longer than the check; torch loads it to look at a cotangent."""
    pytest.importorskip("torch", reason="checking needs it")
    code = "import gradproof, sys, torch; gradproof.check(torch.sin, torch.sin, (torch.ones(2),))"
    unused = {"sympy", "pandas", "jinja2", "torch._dynamo"}
    assert run(f"{code}; print(*{unused!r} & set(sys.modules))") == ""


def test_the_names_are_the_same_for_people_and_for_type_checkers() -> None:
    assert set(for_type_checkers()) == set(gradproof.__all__)
    assert set(gradproof.__all__) <= set(dir(gradproof))


@pytest.mark.parametrize("name", gradproof.__all__)
def test_a_name_is_what_its_room_defines(name: str) -> None:
    if name in ("judge_case", "replay"):
        pytest.importorskip("torch", reason="judging needs it")
    home = importlib.import_module(for_type_checkers()[name])
    assert getattr(gradproof, name) is getattr(home, name)


def test_no_name_is_a_room_s() -> None:
    """Once a room is imported, it is what its name stands for in gradproof."""
    rooms = {module.name for module in pkgutil.iter_modules(gradproof.__path__)}
    assert not rooms & set(gradproof.__all__)


def test_a_room_is_still_a_room() -> None:
    assert run("from gradproof import judge; print(judge.__name__)") == "gradproof.judge"


def test_another_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'gradproof' has no attribute 'tolerance'"):
        getattr(gradproof, "tolerance")  # noqa: B009  (a type checker would object otherwise)


def test_it_ships_its_types() -> None:
    assert SOURCE.with_name("py.typed").is_file()


def test_a_case_judged_saved_and_replayed(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="judging needs it")
    from gradproof import judge_case, replay
    from gradproof.cases.draw import make_case
    from gradproof.cases.file import save
    from gradproof.subject.entries import real, spec

    root = Path(__file__).parents[2]
    subject = load_subject(root)
    assert isinstance(subject, Subject)
    tanh = spec(subject.layers["Tanh"](), x=real(2, 3))
    judgement = judge_case(subject, make_case(tanh, "float64", ("normal",) * 3, "C", 1))
    assert judgement.verdict == "agree"
    assert judgement.culprit is None
    save(tmp_path / "case.npz", judgement.case)
    again, text = replay(tmp_path / "case.npz", root)
    assert [f.quantity for f in again.findings] == [f.quantity for f in judgement.findings]
    assert "agrees with PyTorch" in text
    with pytest.raises(InputError):
        replay(tmp_path / "nothing.npz", root)
