"""Other gradient checkers find what they can find, and the figures are what was measured."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the layers are compared with torch")

import torch

from benchmarks.rivals import facts, inputs, output, output_mutants, planted, score, speed
from benchmarks.rivals import tools as checkers
from benchmarks.rivals.__main__ import main
from benchmarks.rivals.by_hand import ByHand
from benchmarks.rivals.output_mutants import Mutation
from benchmarks.rivals.score import Alarms, Arena, Hunted
from benchmarks.rivals.tools import Tool, tools
from benchmarks.rivals.wrapped import HandWritten, for_jax
from gradproof.cases.case import Case
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.layers.reduce import Max
from tests.planted import SUBJECT, case_of, judged, normal

TOOLS = {tool.name: tool for tool in tools(SUBJECT)}
JAX = "jax check_grads, float64"
BLIND = {"torch assert_close, dy = 1", "numpy allclose, dy = 1"}

needs_jax = pytest.mark.skipif(not TOOLS[JAX].installed, reason="`make rivals` installs JAX")


def smooth_case() -> Case:
    arrays = {"x": normal(4, 3), "weight": normal(2, 3), "bias": normal(2)}
    return judged(case_of(Linear(), **arrays)).case


def sign() -> Mutation:
    return Mutation("sign", ("weight",), lambda c: c.grads | {"weight": -c.grads["weight"]})


@pytest.mark.parametrize("name", TOOLS)
def test_a_gross_error_is_found_and_a_right_layer_passed(name: str) -> None:
    tool = TOOLS[name]
    if not tool.installed:
        pytest.skip("`make rivals` installs JAX")
    case = smooth_case()
    assert tool.verdict(case) == "passes"
    with output_mutants.planted(Linear, sign()):
        assert tool.verdict(case) == "rejects"
    assert tool.verdict(case) == "passes"


def test_torch_gets_what_manual_returns() -> None:
    case = smooth_case()
    hand = ByHand(case)
    given = [torch.from_numpy(a).requires_grad_() for a in hand.inputs]
    y = HandWritten.apply(hand, *given)
    grads = torch.autograd.grad(y, given, torch.from_numpy(hand.dy[0]))
    own = output_mutants.gradients(case)
    assert [g.numpy().tolist() for g in grads] == [own[n].tolist() for n in hand.names]


@needs_jax
def test_jax_gets_what_manual_returns() -> None:
    import jax

    case = smooth_case()
    hand = ByHand(case, "float32")
    (y,), pull = jax.vjp(for_jax(hand), *hand.inputs)
    outputs, kept = hand.forward(*hand.inputs)
    assert np.array_equal(y, outputs[0])
    for got, own in zip(pull([hand.dy[0]]), hand.gradients(kept, hand.dy), strict=True):
        assert np.array_equal(got, own)


def test_integers_and_missing_gradients_are_no_ones_business() -> None:
    (case,) = inputs.ordinary(SUBJECT, SUBJECT.layers["CrossEntropyLoss"], 1)
    hand = ByHand(case)
    assert hand.names == ["x"]
    assert TOOLS["torch gradcheck, slow"].verdict(case) == "passes"
    (case,) = inputs.ordinary(SUBJECT, Max, 1)
    assert TOOLS["numpy allclose"].verdict(case) == "passes"


def test_ordinary_inputs_have_default_options_and_every_parameter() -> None:
    (case,) = inputs.ordinary(SUBJECT, Linear, 1)
    assert case.arrays["x"].shape == inputs.SHAPE[:2]
    assert case.arrays["bias"] is not None
    (case,) = inputs.ordinary(SUBJECT, SUBJECT.layers["LeakyReLU"], 1)
    assert case.layer == SUBJECT.layers["LeakyReLU"]()


class Magnitude(Tanh):
    """|x|, which of a complex number is real."""

    def forward(self, x: Any) -> Any:
        return np.abs(x), (np.sign(x),)

    def backward(self, saved: Any, dy: Any) -> dict[str, Any]:
        return {"x": saved[0] * dy}


def test_what_a_complex_step_cannot_ask_is_no_alarm() -> None:
    right = judged(case_of(Tanh(), x=normal(4, 3))).case
    case = replace(right, layer=Magnitude())
    assert TOOLS["chainer check_backward"].verdict(case) == "passes"
    asked = TOOLS["complex-step adjoint"].verdict(case)
    assert asked == "fails"
    alarms = Alarms()
    for verdict in (asked, "rejects", "passes", "passes"):
        alarms.add(verdict)
    assert alarms == Alarms(asked=3, rejected=1, failed=1)


def arena(monkeypatch: pytest.MonkeyPatch, *kinds: type) -> Arena:
    monkeypatch.setattr(score, "DRAWN", 40)
    monkeypatch.setattr(score, "MUTANTS", 3)
    monkeypatch.setattr(planted, "catalogue", lambda _: [])
    made = Arena(SUBJECT, kinds, 0)
    for kind in kinds:
        made.draw(kind)
    return made


def test_a_bug_counts_only_if_the_right_layer_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = arena(monkeypatch, Tanh)
    case = made.double[Tanh][0]
    bug = planted.sample_of_mutants(made.double, 1, 0)[0]
    always = Tool("always", lambda _: True)
    never = Tool("never", lambda _: False)
    assert made.hunt(always, bug, [case]) == "alarm"
    assert made.hunt(never, bug, [case]) == "missed"
    assert made.hunt(TOOLS["gradproof"], bug, made.every[Tanh]) == "found"


def test_shared_cases_are_those_in_which_the_bug_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    made = arena(monkeypatch, Max)
    kink = output_mutants.mutations(made.double[Max])[-1]
    bug = planted.Planted("mutant", str(kink), Max, lambda: output_mutants.planted(Max, kink))
    shown = planted.showing(bug, made.double[Max], 3)
    assert shown
    assert all(planted._changes(bug, case) for case in shown)
    nothing = planted.Planted(
        "mutant",
        "none",
        Max,
        lambda: output_mutants.planted(Max, Mutation("none", (), lambda c: c.grads)),
    )
    assert planted.showing(nothing, made.double[Max], 3) == made.double[Max][:3]


def test_the_arithmetic_of_the_table() -> None:
    def hunted(tool: str, own: str, shared: str) -> Hunted:
        return Hunted(tool, "mutant", "Tanh", f"{own} {shared}", own, shared)

    pairs = [("found", "found"), ("missed", "found"), ("missed", "alarm"), ("alarm", "missed")]
    rows = [hunted("gradproof", "found", "found")] * 4
    rows += [hunted("torch gradcheck, fast", *pair) for pair in pairs]
    alarms = {
        name: {"drawn": Alarms(8, rejected, 2), "ordinary": Alarms(4, 0, 0)}
        for name, rejected in (("gradproof", 0), ("torch gradcheck, fast", 2))
    }
    seconds: dict[str, Any] = {
        "gradproof": {50: 0.5, 5_000: 1.0},
        "torch gradcheck, fast": {50: 2.0, 5_000: 2.5},
        "torch gradcheck, slow": {50: 4.0, 5_000: None},
    }
    results = output.Results(rows, alarms, seconds, {})
    table = output.table(results, list(TOOLS.values())).set_index("tool")
    fast = table.loc["torch gradcheck, fast"]
    assert fast.mutant_kill_rate_own == 0.25
    assert fast.mutant_kill_rate_shared == 0.5
    assert fast.mutant_alarm_shared == 1
    assert fast.false_alarm_rate_drawn == 0.25
    assert fast.not_applicable_drawn == 2
    assert np.isnan(fast.catalogue_kill_rate_own)
    assert np.isnan(table.loc["torch gradcheck, slow"].seconds_5000_parameters)
    assert output.times_faster(seconds, "torch gradcheck, fast") == {50: 4.0, 5_000: 2.5}
    goals = output.goals(table.reset_index(), seconds)
    assert goals["3 times as fast as torch gradcheck, fast at every size"]["reached"] is False
    first = {"gradproof": 1.0, "reached": True, "level with": []}
    assert goals["first in mutant_kill_rate_own"] == first
    assert goals["first in false_alarm_rate_ordinary"]["level with"] == ["torch gradcheck, fast"]
    assert not any("slow at 5000" in goal for goal in goals)


def test_what_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIZES", {50: (9, 5), 500: (24, 20)})
    monkeypatch.setattr(speed, "LIMIT_S", 0.05)

    def endless(_: Case) -> bool:
        while True:
            pass

    quick, slow = Tool("quick", lambda _: False), Tool("slow", endless)
    seconds = speed.speed(SUBJECT, [quick, slow], 0.01, lambda _: None)
    assert seconds["slow"] == {50: None, 500: None}
    assert all(took is not None for took in seconds["quick"].values())


def test_the_facts_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "RELU_CASES", 12)
    monkeypatch.setattr(facts, "RUNS", 2)
    told = facts.facts(SUBJECT, {name: tool for name, tool in TOOLS.items() if tool.installed})
    assert told["one entry of dW ten times too large"]["passed"]["gradproof"] == 0
    assert told["backward overwrites its cotangent"]["passed by slow gradcheck"]
    assert told["correct ReLU"]["rejected"]["gradproof"] == 0
    zeros = told["softmax backward returns zeros"]["verdicts"]
    assert {name for name, verdict in zeros.items() if verdict == "passes"} == BLIND


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that says little and takes seconds."""
    for module, name, value in (
        (facts, "RELU_CASES", 2),
        (facts, "RUNS", 1),
        (score, "DRAWN", 6),
        (score, "MUTANTS", 1),
        (speed, "SIZES", {50: (9, 5)}),
        (inputs, "_TRIES", 10),
    ):
        monkeypatch.setattr(module, name, value)


def test_without_jax_the_row_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small(monkeypatch)
    monkeypatch.setattr(checkers, "find_spec", lambda name: None if name == "jax" else name)
    out = tmp_path / "new"
    options = ["--out", str(out), "--layers", "Tanh", "--seconds", "0.001"]
    assert main(options) == 0
    assert sorted(p.name for p in out.iterdir()) == ["rivals.csv", "rivals.json", "rows"]
    with (out / output.ROWS).open(encoding="utf-8", newline="") as file:
        assert {row["kind"] for row in csv.DictReader(file)} == {"Tanh"}
    with (out / "rivals.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["tool"]: row for row in csv.DictReader(file)}
    assert list(rows) == list(TOOLS)
    assert rows[JAX]["note"] == "not installed"
    assert rows["gradproof"]["note"] == ""
    assert float(rows["gradproof"]["seconds_50_parameters"]) > 0
    about = json.loads((out / "rivals.json").read_text(encoding="utf-8"))
    assert about["jax"] == "not installed"
    assert f"{JAX}: not installed" in about["left out"]


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["--out", str(tmp_path / "file" / "folder")]) == 2
    assert capsys.readouterr().err.startswith("rivals: cannot write the figures: ")


def test_a_layer_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--layers", "Linnear", "--out", str(tmp_path)]) == 2
    assert "unknown layer 'Linnear'; there are " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seconds", "0"], "--seconds is a time above 0, not 0"),
        (["--seed", "-1"], "--seed is a number from 0 up, not -1"),
    ],
)
def test_a_number_that_is_none(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
