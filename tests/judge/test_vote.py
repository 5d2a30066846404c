"""The vote among the witnesses names who is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradproof.arrays import Array
from gradproof.cases.case import Case
from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.judge.verdict import Finding
from gradproof.judge.vote import votes
from gradproof.witnesses.enclosure import enclose
from manual.layer import Real
from manual.layers.activation import ReLU
from manual.layers.activation_hard import Hardsigmoid
from manual.layers.activation_sigmoid import Tanh, Tanhshrink
from manual.layers.linear import Linear
from manual.net import Net, Step
from manual.optimizers.sgd import SGD
from tests.planted import (
    GATED,
    SUBJECT,
    break_gradient,
    case_of,
    chain,
    culprit_of,
    fails,
    gradient,
    judged,
    normal,
    on,
    returned,
    whole,
    without,
)

X = normal(4, 3)


CASE = case_of(Tanh(), x=X)
BOTH = "autograd = complex step = enclosure ≠ manual"


def verdict_on(case: Any) -> tuple[str, str]:
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
        "manual ≠ autograd, both within finite differences",
        "undecided: one of the two loses digits, too few for a witness to see",
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
        (
            "PyTorch is wrong here, or its rule is no derivative by design "
            "(then name it in `by_design`)"
        ),
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
    gradient = next(f for f in judged(case_of(Hardsigmoid(), x=X)).findings if f.quantity == "x")
    said = "PyTorch is inaccurate here: 7 of its 16 digits are right"
    assert (gradient.verdict, gradient.cause) == ("reference", said)


def test_a_convention_is_a_kink() -> None:
    finding = _relu_at_zero("convention")
    finding.choice = True
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
    found = judged(case_of(ReLU(), x=np.array([0.0, 2.0, 3.0]))).findings
    finding = next(f for f in found if f.quantity == "x")
    assert finding.verdict == "reference"
    assert finding.cause == "PyTorch's is no one-sided derivative at this kink"
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
    assert verdict_on(case_of(GATED, x=X, weight=normal(2, 3))) == (
        BOTH,
        "the network's wiring is wrong",
    )


def test_a_network_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Net, "x", lambda g, s, d: 2 * g["x"])
    judgement = judged(case_of(GATED, x=X, weight=normal(2, 3)))
    free = next(f for f in judgement.findings if f.depth == "free" and f.failed)
    vote = votes(SUBJECT, free)
    assert (vote.agreement, vote.verdict) == (BOTH, "the network's backward pass is wrong")


def test_at_a_kink_of_a_network_all_sides_may_be_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, ReLU, "x", lambda g, s, d: 2 * d)
    net = Net(("x", "w"), (Step("a", Linear(), ("x", "w")), Step("y", ReLU(), ("a",))))
    case = on(net, whole(3, 4), x=np.zeros((3, 2)), w=whole(4, 2))
    chained = next(f for f in judged(case).findings if f.depth == "chained" and f.failed)
    vote = votes(SUBJECT, chained)
    assert vote.agreement == "manual ≠ autograd, neither one-sided derivatives"
    assert vote.verdict == "kink: another choice than PyTorch's"


def test_beyond_the_largest_number_the_enclosure_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    break_gradient(monkeypatch, Linear, "weight", lambda g, s, d: -g["weight"])
    huge = 2.0**700
    case = on(chain(Linear(), ReLU()), whole(3, 4), x=huge * abs(whole(3, 2)),
              w0=huge * abs(whole(4, 2)))  # fmt: skip
    assert verdict_on(case) == ("autograd = enclosure ≠ manual", "the backward pass is wrong")


@pytest.mark.parametrize(
    ("plant", "case"),
    [
        (returned(Tanh, fails), CASE),
        (returned(Tanh, without("x")), CASE),
        (gradient(Tanh, "x", np.transpose), CASE),
        (returned(Net, without("x")), case_of(GATED, x=X, weight=normal(2, 3))),
    ],
)
def test_what_breaks_the_contract_is_not_put_to_the_vote(
    monkeypatch: pytest.MonkeyPatch, plant: Any, case: Case
) -> None:
    plant(monkeypatch)
    assert verdict_on(case) == ("", "the layer breaks its contract")


def test_an_update_has_no_other_witness_than_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    right = SGD.update

    def update(self: SGD, param: Array, grad: Array, memory: Any) -> Any:
        new, kept = right(self, param, grad, memory)
        return 2 * param - new, kept

    monkeypatch.setattr(SGD, "update", update)
    case = OptimizerCase(SGD(lr=0.5), ((2,),), (1.0,), sparse=False, dtype="float64", seed=1)
    assert verdict_on(case) == ("manual ≠ torch.optim", "the update is wrong")


def _relu_at_zero(verdict: str) -> Finding:
    finding = judged(case_of(ReLU(), x=np.array([0.0, 2.0]))).findings[-1]
    finding.verdict = verdict
    return finding
