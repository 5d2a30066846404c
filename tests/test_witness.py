"""The complex step is right, or silent; and the vote names who is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gradproof.cases import Case
from gradproof.fill import Array
from gradproof.oracle import Oracle
from gradproof.verdict import Finding
from gradproof.witness import complex_step, votes
from manual.activation import Sigmoid, Tanh
from manual.arithmetic import Multiply
from manual.layer import Layer, Real, Saved
from manual.linear import Linear
from manual.net import Net, Step
from manual.rectifier import ReLU
from manual.reduce import Max
from manual.regression import MSELoss
from manual.softmax import LogSoftmax, Softmax
from tests.planted import SUBJECT, break_gradient, case_of, culprit_of, judged, normal

NET = Net(
    ("x", "weight"),
    (
        Step("h1", Linear(), ("x", "weight")),
        Step("h2", Tanh(), ("h1",)),
        Step("h3", Multiply(), ("h1", "h2")),
    ),
)
X = normal(4, 3)


@pytest.mark.parametrize(
    "case",
    [
        case_of(Linear(), x=X, weight=normal(2, 3), bias=normal(2)),
        case_of(Sigmoid(), x=30 * X),
        case_of(Softmax(dim=1), x=X),
        case_of(LogSoftmax(dim=0), x=1e-8 * X),
        case_of(ReLU(), x=X),
        case_of(Max(dim=1), x=X),
        case_of(MSELoss(), x=X, target=normal(4, 3, seed=1)),
        case_of(NET, x=X, weight=normal(2, 3)),
    ],
    ids=lambda case: case.kind,
)
def test_it_is_the_derivative_to_full_precision(case: Case) -> None:
    case = judged(case).case
    oracle = Oracle(lambda *t: SUBJECT.twin(case.layer, *t), [*case.arrays.values()], case.smooth)
    oracle.set_dy(case.dy)
    for name, gradient in zip(case.arrays, oracle.gradients(), strict=True):
        assert gradient is not None
        for index in np.ndindex(gradient.shape):
            third = complex_step(case, name, index)
            assert third is not None
            assert abs(third - gradient[index]) <= 1e-14 * np.abs(gradient).max()


def test_float32_cases_are_answered_in_float64() -> None:
    case = judged(case_of(Sigmoid(), "float32", x=X)).case
    x, dy = case.arrays["x"], case.dy[0]
    assert x is not None
    assert dy is not None
    s = 1 / (1 + np.exp(-float(x[1, 1])))
    assert complex_step(case, "x", (1, 1)) == pytest.approx(
        float(dy[1, 1]) * s * (1 - s), rel=1e-15
    )


@dataclass(frozen=True)
class _Told(Layer):
    """A layer whose forward is given."""

    rule: Any

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return self.rule(x), ()


REFUSED = {
    "the modulus, whose complex step is 0": (np.abs, -2.0),
    "the imaginary part is dropped": (lambda x: x.real * 3, 1.0),
    "conjugation": (lambda x: x * x.conjugate(), 1.0),
    "NumPy refuses": (np.floor, 1.5),
    "NumPy warns": (lambda x: np.array(x, dtype=float), 1.5),
    "not finite": (lambda x: 0 * x + np.nan, 1.0),
    "kink, 0 chosen": (lambda x: x * (x.real > 0), 0.0),
    "kink, 1 chosen": (lambda x: x * (x.real >= 0), 0.0),
    "jump": (lambda x: (x.real > 1) * 1.0 + x, 1.0),
    "forward fails": (lambda x: x[7], 1.0),
}


@pytest.mark.parametrize(("rule", "x"), REFUSED.values(), ids=REFUSED.keys())
def test_it_abstains_rather_than_guess(rule: Any, x: float) -> None:
    case = Case(_Told(rule), {"x": np.array([x, 5.0])}, {"x": "real"}, "float64", dy=(np.ones(2),))
    assert complex_step(case, "x", (0,)) is None


def test_it_does_not_abstain_at_a_minimum() -> None:
    case = Case(
        _Told(lambda x: x * x), {"x": np.zeros(2)}, {"x": "real"}, "float64", dy=(np.ones(2),)
    )
    assert complex_step(case, "x", (0,)) == 0


def test_it_abstains_for_what_is_no_argument_and_without_cotangent() -> None:
    case = case_of(Sigmoid(), x=X)
    assert complex_step(judged(case).case, "y", (0, 0)) is None
    assert complex_step(case, "x", (0, 0)) is None


CASE = case_of(Tanh(), x=X)


def verdict_on(case: Case) -> tuple[str, str]:
    finding, _ = culprit_of(case)
    vote = votes(SUBJECT, finding)
    return vote.agreement, vote.verdict


def test_a_wrong_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    assert verdict_on(CASE) == ("autograd = complex step ≠ manual", "the backward pass is wrong")


def test_a_slightly_wrong_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: g["x"] * (1 + 1e-12))
    assert verdict_on(CASE) == ("autograd = complex step ≠ manual", "the backward pass is wrong")


def other_forward(self: Tanh, x: Array) -> Any:
    y = np.tanh(2 * x)
    return y, (y,)


def test_another_function_than_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "forward", other_forward)
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: 2 * d * (1 - s[0] * s[0]))
    y, gradient = (
        next(f for f in judged(CASE).findings if f.quantity == name) for name in ("y", "x")
    )
    assert votes(SUBJECT, y).agreement == "manual ≠ torch"
    assert votes(SUBJECT, y).verdict == "your forward is not torch's function"
    vote = votes(SUBJECT, gradient)
    assert vote.agreement == "manual = complex step ≠ autograd"
    assert vote.verdict == "your forward is not torch's function"


def test_both_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "forward", other_forward)
    gradient = next(f for f in judged(CASE).findings if f.quantity == "x")
    vote = votes(SUBJECT, gradient)
    assert vote.agreement == "manual ≠ autograd ≠ complex step"
    assert vote.verdict == "your forward is not torch's function"


def test_torch_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gradient(layer: Any, *tensors: Any) -> Any:
        y = right(layer, *tensors)
        return y.detach() + 0 * y

    right = SUBJECT.twin
    monkeypatch.setitem(SUBJECT.__dict__, "twin", no_gradient)
    assert verdict_on(CASE) == ("manual = complex step ≠ autograd", "torch itself")


def test_a_convention_is_a_kink() -> None:
    finding = _relu_at_zero("convention")
    vote = votes(SUBJECT, finding)
    assert vote.verdict == "kink: another choice than PyTorch's"


def test_at_a_kink_another_entry_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: g["x"] + 3 * d)
    finding, _ = culprit_of(case_of(ReLU(), x=np.array([0.0, 2.0, 3.0])))
    vote = votes(SUBJECT, finding)
    assert finding.figures.worst_index == (0,)
    assert vote.index != (0,)
    assert vote.verdict == "the backward pass is wrong"


def test_where_all_abstain_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: g["x"] + 3 * d * (s[0] == 0))
    finding, _ = culprit_of(case_of(ReLU(), x=np.array([0.0, 2.0, 3.0])))
    vote = votes(SUBJECT, finding)
    assert vote.agreement == "manual ≠ autograd, complex step abstains"
    assert vote.verdict == "the backward pass, if autograd is right"


def test_wiring(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Net, "x", lambda g, s, d: 2 * g["x"])
    assert verdict_on(case_of(NET, x=X, weight=normal(2, 3))) == (
        "autograd = complex step ≠ manual",
        "the network's wiring is wrong",
    )


def _relu_at_zero(verdict: str) -> Finding:
    finding = judged(case_of(ReLU(), x=np.array([0.0, 2.0]))).findings[-1]
    finding.verdict = verdict
    return finding
