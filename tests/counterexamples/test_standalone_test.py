"""A counterexample's own test fails while the layer is wrong, and needs no gradproof."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import numpy as np
import pytest

from gradproof.cases.case import Case
from gradproof.counterexamples.standalone_test import source
from gradproof.counterexamples.twin_source import NotAlone, source_of
from gradproof.counterexamples.write import _digest, write
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.arithmetic import Multiply
from manual.layers.linear import Linear
from manual.layers.reduce import LogSumExp
from manual.layers.shape import Split
from manual.losses.cross_entropy import CrossEntropyLoss
from manual.net import Net
from tests.golden import unchanged
from tests.planted import (
    RESIDUAL,
    SUBJECT,
    break_gradient,
    case_of,
    culprit_of,
    judged,
    normal,
    without_accumulation,
)

ROOT = Path(__file__).parents[2]
CASES = {
    "Linear": case_of(Linear(), x=normal(5, 3), weight=normal(4, 3), bias=normal(4)),
    "an option": case_of(LogSumExp(dim=(0,), keepdim=True), x=normal(5, 3)),
    "a broadcast in float32": case_of(Multiply(), "float32", x=normal(2, 3), other=normal()),
    "integers and an absent argument": case_of(
        CrossEntropyLoss(label_smoothing=0.1), x=normal(4, 3), target=np.array([0, 2, 2, 1])
    ),
    "several outputs": case_of(Split(2), x=normal(5, 3)),
    "a network": case_of(RESIDUAL, x=normal(3, 4)),
}


def module_of(text: str) -> dict[str, Any]:
    module: dict[str, Any] = {"__name__": "standalone"}
    exec(compile(text, "standalone", "exec"), module)
    return module


def text_for(case: Case) -> str:
    finding, _ = culprit_of(case)
    return source(SUBJECT, finding, "What is wrong.\n")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_fails_only_while_the_layer_is_wrong(
    monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    break_gradient(monkeypatch, type(case.layer), "x", lambda g, s, d: 1.0001 * g["x"])
    module = module_of(text_for(case))
    with pytest.raises(AssertionError, match="are over their bound"):
        module["test_manual"]()
    module["test_expected_is_what_torch_says"]()
    monkeypatch.undo()
    module["test_manual"]()


def masked(text: str) -> str:
    """Without the bytes of arrays, of which some were measured."""
    return re.sub(r'"[A-Za-z0-9+/=]{8,}"', '"…"', text)


def test_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    text = text_for(case_of(Tanh(), x=normal(5, 3)))
    text = masked(text)
    unchanged("standalone-gradient", text)


def test_the_whole_file_of_a_broken_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: g["x"][None])
    text = masked(text_for(case_of(Tanh(), x=normal(2, 3))))
    unchanged("standalone-conduct", text)


def test_the_whole_file_of_an_output(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Split.forward

    def forward(self: Any, x: Any) -> Any:
        (first, second, *rest), saved = right(self, x)
        return (first, second + 1, *rest), saved

    monkeypatch.setattr(Split, "forward", forward)
    finding = next(f for f in judged(CASES["several outputs"]).findings if f.failed)
    text = source(SUBJECT, finding, "A title\nand more \\ than that.\n")
    module = module_of(text)
    with pytest.raises(AssertionError, match="are over their bound"):
        module["test_manual"]()
    module["test_expected_is_what_torch_says"]()
    start, end = masked(text).split("def twin(")[0], text.partition("def by_torch")[2]
    assert finding.quantity == "y1"
    assert '"""A title\n' in start and "A title\nand more / than that.\n" in start
    assert 'def manual():\n    """y1, by the layer under test."""' in start
    assert "    return outputs[1]\n" in start and "return outputs[1].detach().numpy()" in end


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed"])
def test_arrays_lie_as_they_lay(monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    x = normal(3, 4)
    case = Case(Tanh(), {"x": x}, {"x": "real"}, "float64", layout, ("normal",) * 3)
    given = module_of(text_for(case))["ARGUMENTS"]["x"]
    assert np.array_equal(given, x)
    assert not given.flags.writeable
    assert given.flags.c_contiguous == (layout == "C")


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed"])
def test_arrays_without_axes_or_entries_lie_anyhow(
    monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    break_gradient(monkeypatch, Multiply, "x", lambda g, s, d: 1 / 0)
    arrays = {"x": np.array(2.0), "other": np.zeros((0, 3))}
    case = Case(
        Multiply(), arrays, dict.fromkeys(arrays, "real"), "float64", layout, ("normal",) * 3
    )
    given = module_of(text_for(case))["ARGUMENTS"]
    assert [a.shape for a in given.values()] == [(), (0, 3)]


WRONG: dict[str, tuple[Any, str]] = {
    "a shape": (lambda g, s, d: g["x"][None], "shape"),
    "an exception": (lambda g, s, d: 1 / 0, "division"),
    "not linear in dy": (lambda g, s, d: d * d, "not linear in dy"),
    "shared memory": (None, "shares memory with an argument"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG.keys())
def test_broken_contracts(monkeypatch: pytest.MonkeyPatch, change: Any, said: str) -> None:
    case = case_of(Sigmoid(), x=normal(3, 4))
    if change is None:
        monkeypatch.setattr(Sigmoid, "forward", lambda self, x: (x.copy(), (x,)))
        monkeypatch.setattr(Sigmoid, "backward", lambda self, saved, dy: {"x": saved[0]})
    else:
        break_gradient(monkeypatch, Sigmoid, "x", change)
    judgement = judged(case)
    faults = [f for f in judgement.findings if f.failed and f.comparison is None]
    module = module_of(source(SUBJECT, faults[0], "What is wrong.\n"))
    with pytest.raises((AssertionError, ZeroDivisionError), match=said):
        module["test_conduct" if change is None or "linear" in said else "test_manual"]()
    monkeypatch.undo()
    module["test_manual"]()


def test_a_wrong_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "forward", lambda self, x: (np.tanh(2 * x), (np.tanh(x),)))
    module = module_of(text_for(case_of(Tanh(), x=normal(3, 4))))
    with pytest.raises(AssertionError, match="12 of 12 entries are over"):
        module["test_manual"]()
    module["test_expected_is_what_torch_says"]()


@pytest.mark.parametrize("runner", [[], ["-m", "pytest", "-q", "-p", "no:cacheprovider"]])
def test_it_runs_by_python_and_by_pytest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runner: list[str]
) -> None:
    monkeypatch.setattr(Net, "backward", without_accumulation)
    path = write(SUBJECT, judged(CASES["a network"]), tmp_path).with_suffix(".py")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if "import" in line and "gradproof" in line]
    done = subprocess.run(
        [sys.executable, *runner, path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_twin_that_cannot_be_written_down_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUBJECT.__dict__, "twin", partial(SUBJECT.twin))
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    text = text_for(case_of(Tanh(), x=normal(3, 4)))
    assert "torch" not in text
    with pytest.raises(AssertionError):
        module_of(text)["test_manual"]()


SCALE = 3.0


def helper(x: float) -> float:
    return np.float64(x) * SCALE


def uses_helper(x: float) -> float:
    return helper(x) + 1


def uses_object(x: float) -> Any:
    return CASES


def test_a_function_comes_with_what_it_needs() -> None:
    imports, definitions = source_of([cast("FunctionType", uses_helper)], {})
    module: dict[str, Any] = {}
    exec("\n".join([*imports, *definitions]), module)
    assert module["uses_helper"](2.0) == 7.0
    assert imports == ["import numpy as np"]


def test_a_function_that_needs_an_object_is_refused() -> None:
    with pytest.raises(NotAlone):
        source_of([cast("FunctionType", uses_object)], {})


def test_cases_that_differ_in_anything_have_other_names() -> None:
    x, dy = normal(3, 2), (normal(3, seed=1),)
    case = replace(case_of(LogSumExp(dim=(1,)), x=x), dy=dy)
    others = [
        replace(case, layer=LogSumExp(dim=(-1,))),
        replace(case, arrays={"x": x + 1}),
        replace(case, dy=(-dy[0],)),
    ]
    assert _digest(replace(case, seed=5)) == _digest(case), "it is the numbers that count"
    assert len({_digest(c) for c in (case, *others)}) == 4
