"""The messages, word by word as in tests/messages: they are an interface."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.counterexamples.message import WIDTH, explain, explain_culprit
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import settled
from gradproof.judge.vote import Votes, votes
from gradproof.rounding.bound import Comparison
from manual.layers.activation import ReLU
from manual.layers.activation_sigmoid import Sigmoid, Tanh
from manual.layers.linear import Linear
from manual.layers.softmax import Softmax
from manual.net import Net, Step
from manual.optimizers.sgd import SGD
from tests.golden import unchanged
from tests.planted import (
    RESIDUAL,
    SUBJECT,
    break_gradient,
    case_of,
    judged,
    normal,
    without_accumulation,
)

AGAIN = "gradproof replay witnesses/X.npz"
LINEAR = case_of(Linear(), x=normal(5, 3), weight=normal(4, 3), bias=normal(4))
SOFTMAX = case_of(Softmax(dim=1), x=normal(4, 5))
EVEN = case_of(Tanh(), x=normal(4, 5))
NETWORK = case_of(RESIDUAL, x=normal(3, 4))


def message(case: Case, shrunk_from: str = "") -> str:
    return measured(explain_culprit(SUBJECT, judged(case), AGAIN, shrunk_from))


def measured(text: str) -> str:
    """The text with # for what depends on measured noise."""
    text = re.sub(r"bound [\d.e+-]+;", "bound #;", text)
    return re.sub(r"[\d.]+(e\+\d+)?×", "#×", text)


def test_a_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Softmax, "x", lambda g, s, d: s[0] * d)
    unchanged("gradient", message(SOFTMAX, "6 layers"))


def test_a_parameter_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Linear, "bias", lambda g, s, d: d.mean(axis=0))
    case = case_of(Linear(), "float32", x=normal(5, 3), weight=normal(4, 3), bias=normal(4))
    unchanged("float32", message(case))


def test_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Linear, "bias", lambda g, s, d: d)
    unchanged("shape", message(LINEAR))


def test_an_exception_in_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: 1 / 0)
    unchanged("exception", message(NETWORK))


def test_wiring_lists_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Net, "backward", without_accumulation)
    unchanged("wiring", message(NETWORK))


def test_a_choice_at_a_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: d * (s[0] >= 0))
    case = case_of(ReLU(), x=np.array([0.0, 2.0, 3.0]))
    unchanged("kink", message(case))


def test_another_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Tanh, x: Any) -> Any:
        y = np.tanh(2 * x)
        return y, (y,)

    monkeypatch.setattr(Tanh, "forward", forward)
    unchanged("forward", message(EVEN))


def test_a_layer_in_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Sigmoid, "x", lambda g, s, d: -g["x"])
    unchanged("layer_in_network", message(NETWORK))


def test_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: g["x"] * np.nan)
    unchanged("not_a_number", message(EVEN))


def test_an_optimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    right = SGD.step

    def step(self: SGD, params: Any, grads: Any, state: Any) -> Any:
        new, kept = right(self, params, grads, state)
        return {n: 2 * params[n] - p for n, p in new.items()}, kept

    monkeypatch.setattr(SGD, "step", step)
    case = OptimizerCase(SGD(lr=0.5), ((2, 3), (4,)), (1.0, 1.0), False, "float64", 0)
    text = explain_culprit(SUBJECT, judge(SUBJECT, case), "")
    unchanged("optimiser", measured(text))


def test_numbers_are_shown_in_the_dtype_and_ratios_to_three_digits() -> None:
    case = case_of(Tanh(), "float32", x=normal(2, 2))
    reference = np.array([[1.0, 0.1], [2.0, 4.0]], dtype="float32")
    manual = np.array([[1.0, 0.1], [2.0001, 4.0]], dtype="float32")
    right = settled("", case, "isolated", "y", Comparison(reference + reference / 2**22, reference))
    wrong = settled("", case, "isolated", "x", Comparison(manual, reference))
    vote = Votes((1, 0), "autograd = complex step ≠ manual", "it is wrong")
    unchanged("numbers", explain(wrong, [right], vote, "a slip", ""))


def test_a_free_run_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    judgement = judged(EVEN)
    finding = judgement.culprit
    assert finding is not None
    finding.depth = "free"
    text = explain(finding, [], votes(SUBJECT, finding), "sign", "")
    assert text.startswith("Tanh disagrees with PyTorch in the gradient of x ")
    assert text.splitlines()[0].endswith("(free: only a run on its own differs)")
    assert "again" not in text


def test_many_arguments_stay_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"a_rather_long_name_{i}" for i in range(12))
    chain = [Step(f"h{i + 1}", Linear(), (f"h{i}", names[i + 1])) for i in range(11)]
    net = Net(names, (Step("h0", Tanh(), (names[0],)), *chain))
    arrays: dict[str, Any] = {n: normal(3, 3, seed=i) for i, n in enumerate(names)}
    break_gradient(monkeypatch, Net, names[3], lambda g, s, d: -g[names[3]])
    text = message(case_of(net, **arrays))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "(3,\n" not in text  # a shape stays on one line


def test_entries_that_differ_look_different(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    text = message(case_of(Tanh(), x=np.array([1000.0001, 1000.0002, 0.25])))
    assert "x [1000.0001, 1000.0002, 0.25]" in text
    assert "x [0.5, 0.1]" in message(case_of(Tanh(), "float32", x=np.array([0.5, 0.1])))
