"""The witnesses are right, or silent; and the vote names who is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.judge.verdict import Finding
from gradproof.judge.vote import votes
from gradproof.oracle.layer import Oracle
from gradproof.witnesses.complex_step import complex_step
from gradproof.witnesses.enclosure import enclose
from gradproof.witnesses.finite_differences import differences
from manual.layer import Layer, Real, Saved
from manual.layers.activation import ReLU
from manual.layers.activation_hard import Hardsigmoid
from manual.layers.activation_sigmoid import Sigmoid, Tanh, Tanhshrink
from manual.layers.arithmetic import Multiply
from manual.layers.linear import Linear
from manual.layers.reduce import Max
from manual.layers.softmax import LogSoftmax, Softmax
from manual.losses.regression import MSELoss
from manual.net import Net, Step
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


ESTIMATED = {
    "smooth": (np.exp, 1.0, np.e),
    "large beside its slope": (lambda x: 1e8 + x, 3.0, 1.0),
    "near a kink": (np.abs, 1e-3, 1.0),
    "constant": (np.floor, 1.5, 0.0),
    "a minimum": (lambda x: x * x, 0.0, 0.0),
}


@pytest.mark.parametrize(("rule", "x", "slope"), ESTIMATED.values(), ids=ESTIMATED.keys())
def test_differences_know_their_error(rule: Any, x: float, slope: float) -> None:
    case = Case(_Told(rule), {"x": np.array([x])}, {"x": "real"}, "float64", dy=(np.ones(1),))
    estimate = differences(case, "x", (0,))
    assert estimate is not None
    assert abs(estimate[0] - slope) <= estimate[1] <= 1e-6


@pytest.mark.parametrize("name", ["jump", "not finite", "forward fails"])
def test_differences_abstain(name: str) -> None:
    rule, x = REFUSED[name]
    case = Case(_Told(rule), {"x": np.array([x])}, {"x": "real"}, "float64", dy=(np.ones(1),))
    assert differences(case, "x", (0,)) is None


def test_differences_abstain_at_a_kink() -> None:
    for rule in (np.abs, np.sqrt):
        case = Case(_Told(rule), {"x": np.zeros(1)}, {"x": "real"}, "float64", dy=(np.ones(1),))
        assert differences(case, "x", (0,)) is None


CASE = case_of(Tanh(), x=X)
BOTH = "autograd = complex step = enclosure ≠ manual"


def verdict_on(case: Case) -> tuple[str, str]:
    finding, _ = culprit_of(case)
    vote = votes(SUBJECT, finding)
    return vote.agreement, vote.verdict


def test_a_wrong_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    assert verdict_on(CASE) == (BOTH, "the backward pass is wrong")


def test_a_slightly_wrong_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: g["x"] * (1 + 1e-12))
    assert verdict_on(CASE) == (BOTH, "the backward pass is wrong")


def test_without_python_flint_two_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclose, "available", lambda: False)
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    assert verdict_on(CASE) == ("autograd = complex step ≠ manual", "the backward pass is wrong")


def test_a_large_case_is_not_enclosed(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    agreement, _ = verdict_on(case_of(Tanh(), x=normal(enclose.MOST + 1)))
    assert agreement == "autograd = complex step ≠ manual"


def test_where_the_complex_step_abstains_the_enclosure_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The modulus of a complex number is not analytic."""

    def forward(self: Tanhshrink, x: Real) -> Any:
        return x - np.abs(np.tanh(x)) * np.sign(x), (np.tanh(x),)

    monkeypatch.setattr(Tanhshrink, "forward", forward)
    break_gradient(monkeypatch, Tanhshrink, "x", lambda g, s, d: -g["x"])
    assert verdict_on(case_of(Tanhshrink(), x=X)) == (
        "autograd = enclosure ≠ manual",
        "the backward pass is wrong",
    )


def test_where_neither_speaks_differences_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Tanh, x: Array) -> Any:
        y = np.tanh(np.array(x, dtype=np.float64)).astype(x.dtype)
        return y, (y,)

    monkeypatch.setattr(Tanh, "forward", forward)
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    assert verdict_on(CASE) == (
        "autograd = finite differences ≠ manual",
        "the backward pass is wrong",
    )
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"] * (1 + 1e-14))
    assert verdict_on(CASE) == (
        "manual ≠ autograd, no witness",
        "probably your backward pass (no independent check applies)",
    )


def test_an_enclosure_of_another_function_is_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """What forward keeps, balls do not pass through: their derivative would be the wrong one."""
    kept = np.tanh(X)

    def forward(self: Tanh, x: Array) -> Any:
        y = np.tanh(x) if x.dtype.kind == "f" else np.tanh(x) + x - X
        return y, (kept,)

    monkeypatch.setattr(Tanh, "forward", forward)
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: g["x"] + d)
    assert verdict_on(CASE) == (
        "autograd = finite differences ≠ manual",
        "the backward pass is wrong",
    )


def test_a_variance_is_differentiated_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy takes a real part for it, which is the number itself."""

    def forward(self: Tanh, x: Array) -> Any:
        return np.tanh(x) + (x.var() - np.mean((x - x.mean()) ** 2)), (np.tanh(x),)

    monkeypatch.setattr(Tanh, "forward", forward)
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: g["x"] + d)
    agreement, verdict = verdict_on(CASE)
    assert agreement == "autograd = enclosure ≠ manual"
    assert verdict == "the backward pass is wrong"


def other_forward(self: Tanh, x: Array) -> Any:
    y = np.asarray(np.tanh(2 * x))
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
    assert vote.agreement == "manual = complex step = enclosure ≠ autograd"
    assert vote.verdict == "your forward is not torch's function"


def test_both_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "forward", other_forward)
    gradient = next(f for f in judged(CASE).findings if f.quantity == "x")
    vote = votes(SUBJECT, gradient)
    said, value = vote.agreement.rsplit(" ", 1)
    assert said == "manual ≠ autograd ≠ complex step = enclosure"
    x, dy = float(X[vote.index]), gradient.case.dy[0]
    assert dy is not None
    assert float(value) == pytest.approx(2 * dy[vote.index] / np.cosh(2 * x) ** 2, rel=1e-12)
    assert vote.verdict == "your forward is not torch's function"


def test_torch_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gradient(layer: Any, *tensors: Any) -> Any:
        y = right(layer, *tensors)
        return y.detach() + 0 * y

    right = SUBJECT.twin
    monkeypatch.setitem(SUBJECT.__dict__, "twin", no_gradient)
    assert verdict_on(CASE) == (
        "manual = complex step = enclosure ≠ autograd",
        "PyTorch is wrong here, or its rule is no derivative by design (detach, padding_idx)",
    )


def test_that_torch_is_wrong_takes_a_forward_that_can_be_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def all_rounding(layer: Any, *tensors: Any) -> Any:
        y = right(layer, *tensors)
        return (y.detach() + 1e15) - 1e15 + 2 * (y - y.detach())

    right = SUBJECT.twin
    monkeypatch.setitem(SUBJECT.__dict__, "twin", all_rounding)
    assert verdict_on(CASE) == ("manual = complex step = enclosure ≠ autograd", "undecided")


def test_in_float32_the_forward_is_compared_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """What float32 cannot tell apart is another function all the same."""

    def forward(self: Tanh, x: Array) -> Any:
        y = np.asarray(np.tanh(x) + 1e-9 * x)
        return y, (y,)

    monkeypatch.setattr(Tanh, "forward", forward)
    break_gradient(monkeypatch, Tanh, "x", lambda g, s, d: -g["x"])
    agreement, verdict = verdict_on(case_of(Tanh(), dtype="float32", x=X))
    assert agreement.startswith("autograd = complex step")
    assert verdict == "the backward pass is wrong, and your forward is not torch's function"


def test_torchs_hardsigmoid_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its slope in float64 is a 1/6 that was rounded to float32; see docs/decisions/004."""
    import torch.nn.functional as F

    monkeypatch.setitem(SUBJECT.__dict__, "twin", lambda layer, x: F.hardsigmoid(x))
    agreement, verdict = verdict_on(case_of(Hardsigmoid(), x=X))
    assert agreement.startswith("manual = ")
    assert agreement.endswith("enclosure ≠ autograd")
    assert verdict == "PyTorch is wrong here"


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


def test_outside_of_the_one_sided_derivatives_it_is_no_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: g["x"] + 3 * d * (s[0] == 0))
    assert verdict_on(case_of(ReLU(), x=np.array([0.0, 2.0, 3.0]))) == (
        "kink: autograd is a one-sided derivative, manual is not",
        "the backward pass is wrong",
    )


def test_at_a_kink_torch_may_be_the_one_that_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def outside(layer: Any, x: Any) -> Any:
        return right(layer, x) + 3 * (x - x.detach()) * (x == 0)

    right = SUBJECT.twin
    monkeypatch.setitem(SUBJECT.__dict__, "twin", outside)
    finding, _ = culprit_of(case_of(ReLU(), x=np.array([0.0, 2.0, 3.0])))
    assert finding.verdict == "convention"  # a jump of its own is what the twin has there
    finding.verdict = "disagree"
    vote = votes(SUBJECT, finding)
    assert vote.agreement == "kink: manual is a one-sided derivative, autograd is not"
    assert vote.verdict == "kink: another choice than PyTorch's"


def test_where_all_abstain_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclose, "available", lambda: False)
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: g["x"] + 3 * d * (s[0] == 0))
    assert verdict_on(case_of(ReLU(), x=np.array([0.0, 2.0, 3.0]))) == (
        "manual ≠ autograd, no witness",
        "probably your backward pass (no independent check applies)",
    )


def test_wiring(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Net, "x", lambda g, s, d: 2 * g["x"])
    assert verdict_on(case_of(NET, x=X, weight=normal(2, 3))) == (
        BOTH,
        "the network's wiring is wrong",
    )


def _relu_at_zero(verdict: str) -> Finding:
    finding = judged(case_of(ReLU(), x=np.array([0.0, 2.0]))).findings[-1]
    finding.verdict = verdict
    return finding
