"""A layer that is no dataclass: its options are what `__init__` takes and keeps."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the twins are torch functions")

from gradproof import InputError, Subject, real, spec
from gradproof.cases.case import Case
from gradproof.cases.draw import make_case
from gradproof.cases.file import load, save
from gradproof.cli import main
from gradproof.judge.dispatch import judge
from gradproof.mutation import study
from gradproof.mutation.behaviour import fresh
from gradproof.subject.layer_options import as_text, check_options, option_names
from tests.command import ROOT, project

draw = partial(make_case, dtype="float64", hazards=("normal",) * 3, layout="C", seed=1)
PLAIN = """
from hypothesis import strategies as st

from gradproof import CaseRules, Subject, real, spec


class Scale:
    def __init__(self, by=2.0, power=(1, 1)):
        self.by = by
        self.power = power

    def forward(self, x, weight):
        return self.by * x * weight, (x, weight)

    def backward(self, saved, dy):
        x, weight = saved
        dx = self.by * dy * weight
        return {"x": dx, "weight": (self.by * dy * x).sum(axis=0)}


cases = CaseRules()


@cases(Scale, rank=(2, 2), empty=False)
def scale(draw, x):
    return spec(Scale(draw(st.sampled_from([3.0, 0.7]))), x=real(*x), weight=real(x[-1]))


def subject():
    return Subject("plain", cases, twin=lambda layer, x, weight: layer.by * x * weight)
"""


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one plain layer, which is the current folder."""
    folder = project(tmp_path / "project", "plain:subject")
    (folder / "plain.py").write_text(PLAIN, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{ROOT}")
    monkeypatch.delitem(sys.modules, "plain", raising=False)
    return folder


def imported() -> ModuleType:
    sys.modules.pop("plain", None)
    return importlib.import_module("plain")


def case_of(module: ModuleType, by: float) -> Case:
    return draw(spec(module.Scale(by, power=(2, 1)), x=real(4, 3), weight=real(3)))


def verify(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    sys.modules.pop("plain", None)
    status = main(["verify", "--profile", "quick", "--jobs", "1"])
    return status, capsys.readouterr().out


def test_a_right_one_agrees(plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = verify(capsys)
    assert status == 0, out
    assert "Scale" in out


def test_a_wrong_one_is_told_replayed_and_tested_alone(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = PLAIN.replace("dx = self.by * dy * weight", "dx = dy * weight")
    assert wrong != PLAIN
    (plain / "plain.py").write_text(wrong, encoding="utf-8")
    status, out = verify(capsys)
    assert status == 1
    assert "Scale disagrees with PyTorch in the gradient of x" in out
    assert "(1 / by)" in out, "the option's name is in the cause"
    saved = next((plain / "reports").rglob("Scale-x-*.npz"))
    assert "Scale(by=" in saved.with_suffix(".txt").read_text(encoding="utf-8")
    assert main(["replay", str(saved)]) == 1
    assert "Scale(by=" in capsys.readouterr().out
    alone = [sys.executable, str(saved.with_suffix(".py"))]
    made = saved.with_suffix(".py").read_text(encoding="utf-8")
    assert "from plain import Scale" in made and "layer = Scale(by=" in made
    failed = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and "entries are over their bound" in failed.stderr
    (plain / "plain.py").write_text(PLAIN, encoding="utf-8")
    sys.modules.pop("plain", None)
    assert main(["replay", str(saved)]) == 0
    passed = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert passed.returncode == 0, passed.stderr


def test_options_come_back_from_a_file(plain: Path, tmp_path: Path) -> None:
    module = imported()
    case = case_of(module, 0.7)
    save(tmp_path / "case.npz", case)
    again = load(tmp_path / "case.npz", {"Scale": module.Scale})
    assert isinstance(again, Case) and again.layer is not case.layer
    assert (again.layer.by, again.layer.power) == (0.7, (2, 1))
    assert again.digest == case.digest
    assert judge(module.subject(), again).verdict == "agree"


def test_equal_options_are_the_same_layer(plain: Path) -> None:
    module = imported()
    assert case_of(module, 0.7).digest == case_of(module, 0.7).digest
    assert case_of(module, 0.7).digest != case_of(module, 0.8).digest


def test_bugs_are_hunted_in_it(plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = case_of(imported(), 0.7)
    again = fresh(case)
    assert again.layer is not case.layer and again.digest == case.digest
    sys.modules.pop("plain", None)
    main(["mutants", "--only", "automatic", "--jobs", "1"])
    out = capsys.readouterr().out
    rows = list(study.read(plain / "reports/judge/rows/mutants-0.jsonl"))
    assert len(rows) > 10 and {row.kind for row in rows} == {"Scale"}, out
    assert all(row.outcome == "killed" for row in rows), out


class Holder:
    """It holds a layer."""

    def __init__(self, inner: Any, names: tuple[str, ...] = ("a",)) -> None:
        self.inner, self.names = inner, names

    def forward(self, x):  # type: ignore[no-untyped-def]
        return self.inner.forward(x)

    def backward(self, saved, dy):  # type: ignore[no-untyped-def]
        return self.inner.backward(saved, dy)


class Nothing:
    """It has no options."""

    def forward(self, x):  # type: ignore[no-untyped-def]
        return x.copy(), ()

    def backward(self, saved, dy):  # type: ignore[no-untyped-def]
        return {"x": dy.copy()}


@dataclass(frozen=True)
class Frozen(Nothing):
    """A dataclass that holds one that is none."""

    inner: Any
    size: float = 0.5


def test_a_layer_in_a_layer(tmp_path: Path) -> None:
    layer = Frozen(Holder(Nothing()))
    assert as_text(layer) == "Frozen(inner=Holder(inner=Nothing(), names=('a',)), size=0.5)"
    case = draw(spec(layer, x=real(3)))
    save(tmp_path / "case.npz", case)
    types = {kind.__name__: kind for kind in (Frozen, Holder, Nothing)}
    again = load(tmp_path / "case.npz", types)
    assert isinstance(again, Case) and as_text(again.layer) == as_text(layer)
    assert judge(Subject("", {}, lambda _, x: x + 0), again).verdict == "agree"


class Hidden(Nothing):
    def __init__(self, eps: float = 0.1) -> None:
        self._eps = eps


class Changed(Nothing):
    def __init__(self, rate: float) -> None:
        self.rate = 1 - rate


class Refusing(Nothing):
    def __init__(self, size: Any) -> None:
        if not isinstance(size, int):
            raise TypeError("size is a number")
        self.size = (size, size)


class Several(Nothing):
    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes


UNKNOWN = "Hidden takes eps and has no attribute of that name, so a case of it cannot be saved; "
NUMBERS = "and a case saves options as numbers and text; make it"
BY_NAME = "and a case saves options by name; give each argument of __init__ a name,"
KEEP = (
    "so a case of it cannot be saved; keep each argument of __init__ as it is given, as an "
    "attribute of its name"
)
BAD: dict[str, tuple[Any, str]] = {
    "no attribute": (
        Hidden(),
        UNKNOWN + "write self.eps = eps in __init__, or make Hidden a dataclass",
    ),
    "changed": (
        Changed(0.25),
        "Changed(rate=0.75), made again from its attributes, is Changed(rate=0.25), " + KEEP,
    ),
    "refused": (
        Refusing(2),
        "Refusing(size=(2, 2)), made again from its attributes, is refused "
        "(TypeError: size is a number), " + KEEP,
    ),
    "no name": (
        Several(2, 3),
        f"Several takes *sizes, {BY_NAME} or make Several a dataclass",
    ),
    "a function": (
        Holder(np.tanh),
        f"the option inner of Holder is of type ufunc, {NUMBERS} a number, a text or a tuple",
    ),
    "a dictionary in a tuple": (
        Holder(Nothing(), names=("a", {"b": 1})),  # type: ignore[arg-type]
        f"the option names of Holder is of type dict, {NUMBERS} a number, a text or a tuple",
    ),
    "an array": (
        Frozen(np.ones(3)),
        f"the option inner of Frozen is an array, {NUMBERS} an argument of forward, or a tuple",
    ),
    "in a dataclass": (
        Frozen(Hidden()),
        UNKNOWN + "write self.eps = eps in __init__, or make Hidden a dataclass",
    ),
}


@pytest.mark.parametrize(("layer", "said"), BAD.values(), ids=BAD.keys())
def test_options_that_cannot_be_saved(layer: Any, said: str) -> None:
    with pytest.raises(InputError) as raised:
        draw(spec(layer, x=real(3)))
    assert str(raised.value) == said


def test_what_a_type_takes() -> None:
    assert option_names(Nothing) == () and option_names(Frozen) == ("inner", "size")
    check_options(Holder(Nothing(), names=("a", "b")))
