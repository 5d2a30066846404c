"""The enclosure holds the true derivative, or says that it is undecided or at a kink."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from benchmarks.proved import by_design, is_derivative
from gradproof.arrays import Array
from gradproof.campaign.search import judged
from gradproof.campaign.task import Task
from gradproof.cases.case import Case
from gradproof.witnesses.enclosure import enclose as enclosing
from gradproof.witnesses.enclosure.ball import Ball, Tape, Undecided
from gradproof.witnesses.enclosure.differentiate import Unsupported
from gradproof.witnesses.enclosure.enclose import MOST, Enclosure, distance, enclose, entries
from manual.layer import Layer, Real, Saved
from manual.layers.activation import LeakyReLU, ReLU, Threshold
from manual.layers.activation_hard import Hardshrink
from manual.layers.activation_sigmoid import Sigmoid, Softplus, Tanh
from manual.layers.reduce import Max
from manual.layers.softmax import Softmax
from manual.losses.binary_cross_entropy import BCELoss
from manual.losses.divergence import GaussianNLLLoss
from manual.net import Net, Step
from tests.planted import SUBJECT, case_of, normal
from tests.planted import judged as judged_case


@dataclass(frozen=True)
class Told(Layer):
    """A layer whose forward is given."""

    rule: Any

    def forward(self, x: Real) -> tuple[Array, Saved]:
        return self.rule(x), ()


def told(rule: Any, *x: float) -> Case:
    ones = np.ones(len(x))
    return Case(Told(rule), {"x": np.array(x)}, {"x": "real"}, "float64", dy=(ones,))


def one(found: Enclosure, i: int = 0) -> tuple[Any, bool, bool]:
    return found.balls["x"][i], bool(found.kinks["x"][i]), bool(found.decided["x"][i])


KNOWN: dict[str, tuple[Any, Any, float]] = {
    "exp": (np.exp, lambda x: x.exp(), 1.5),
    "expm1": (np.expm1, lambda x: x.exp(), -1e-9),
    "log": (np.log, lambda x: 1 / x, 3.0),
    "log1p": (np.log1p, lambda x: 1 / (1 + x), 1e-12),
    "sqrt": (np.sqrt, lambda x: 1 / (2 * x.sqrt()), 2.0),
    "tanh, far in its tail": (np.tanh, lambda x: x.sech() ** 2, 300.0),
    "sin": (np.sin, lambda x: x.cos(), 1e5),
    "cos": (np.cos, lambda x: -x.sin(), 2.0),
    "a power": (lambda x: x**3, lambda x: 3 * x * x, -2.5),
    "a power of 2": (lambda x: 2.0**x, lambda x: x.const_log2() * 2**x, 3.0),
    "the reciprocal": (lambda x: 1 / x, lambda x: -1 / (x * x), 7.0),
    "a quotient": (lambda x: (1 - x) / (x * x + 1), lambda x: x - 1, 0.0),
    "the modulus": (np.abs, lambda x: x * 0 - 1, -3.0),
    "floats, integers and masks": (lambda x: (x > 0) * x * 3 + 2.0 - x, lambda x: x * 0 + 2, 5.0),
    "the real part of a real number": (lambda x: x * x.real + np.real(x), lambda x: 2 * x + 1, 5.0),
    "the variance": (lambda x: np.append(x, 1.0).var(keepdims=True), lambda x: (x - 1) / 2, 5.0),
    "the standard deviation": (
        lambda x: np.std(np.append(x, 1.0), keepdims=True),
        lambda x: x * 0 + 0.5,
        5.0,
    ),
}


@pytest.mark.parametrize(("rule", "derivative", "x"), KNOWN.values(), ids=KNOWN.keys())
def test_it_holds_the_derivative_and_is_narrow(rule: Any, derivative: Any, x: float) -> None:
    from flint import arb, ctx

    ball, kink, decided = one(enclose(told(rule, x)))
    with ctx.workprec(2000):
        true = derivative(arb(x))
        assert ball.contains(true.mid()) or ball.overlaps(true)
        assert ball.rad() <= 2.0**-60 * abs(true)
    assert decided
    assert not kink


def test_scipys_functions_are_those_of_the_ball() -> None:
    from scipy import special

    ball, _, _ = one(enclose(told(special.erf, 0.5)))
    assert distance(2 / math.sqrt(math.pi) * math.exp(-0.25), ball) < 1e-15


def layers() -> list[str]:
    return [name for name, kind in SUBJECT.layers.items() if kind is not SUBJECT.net]


@pytest.mark.parametrize("name", layers())
def test_every_layer_is_enclosed_where_autograd_says(name: str) -> None:
    """On drawn cases, hazards and all; found by discovery, so no layer is left out."""
    proved, wrong = 0, 0
    for drawn in judged(SUBJECT, Task("layer", name, 20, 5), shrink=False):
        case = drawn.judgement.case
        arrays = [a for a in (*case.arrays.values(), *case.dy) if a is not None]
        if not 0 < entries(case) <= MOST or not all(np.isfinite(a).all() for a in arrays):
            continue
        found = enclose(case)
        sure = [found.decided[q] & ~found.kinks[q] for q in found.balls]
        proved += sum(int(s.sum()) for s in sure)
        wrong += not is_derivative(SUBJECT, case)
    assert proved > 0
    assert wrong == 0 or name in by_design(SUBJECT)


def test_what_is_no_derivative_by_design_is_not() -> None:
    assert set(by_design(SUBJECT)) == {"BCELoss", "Embedding", "GaussianNLLLoss"}
    for x, holds in ((2.0**-20, True), (2.0**-45, False)):
        case = case_of(BCELoss(), x=np.array([x, 0.5]), target=np.array([1.0, 0.25]))
        assert is_derivative(SUBJECT, judged_case(case).case) is holds
    x = normal(3)
    for var, holds in ((0.75, True), (0.25, False)):  # below eps torch's is that of var itself
        case = case_of(GaussianNLLLoss(eps=0.5), x=x, target=x + 1, var=np.full(3, var))
        assert is_derivative(SUBJECT, judged_case(case).case) is holds


def test_a_network_is_differentiated_through() -> None:
    net = Net(("x",), (Step("h", Tanh(), ("x",)), Step("y", Sigmoid(), ("h",))))
    case = judged_case(case_of(net, x=normal(2, 3))).case
    found = enclose(case)
    x, dy = case.arrays["x"], case.dy[0]
    assert x is not None
    assert dy is not None
    for i in np.ndindex(2, 3):
        t = math.tanh(x[i])
        s = 1 / (1 + math.exp(-t))
        expected = dy[i] * s * (1 - s) * (1 - t * t)
        assert distance(expected, found.balls["x"][i]) <= 8 * np.spacing(abs(expected))
    assert all(distance(0.0, ball) > 0 for ball in found.balls["x"].flat)


def test_precision_is_doubled_until_it_is_narrow() -> None:
    def fast(x: Any) -> Any:
        return np.sin(np.exp(x) * 1e30)

    def near(x: Any) -> Any:
        return x * (np.exp(np.log(x)) > x - 1e-60)

    easy = enclose(told(np.exp, 1.0))
    for rule in (fast, near):
        hard = enclose(told(rule, 1.0))
        assert easy.bits < hard.bits
        assert one(hard)[2]


def test_it_is_undecided_where_no_precision_tells_two_numbers_apart() -> None:
    def unlucky(x: Any) -> Any:
        return x * (np.exp(np.log(x)) > x)

    ball, kink, decided = one(enclose(told(unlucky, 3.0)))
    assert not decided
    assert not kink
    assert distance(17.0, ball) == 0.0


def test_numbers_computed_alike_tie() -> None:
    """No precision would part tanh 1 from tanh 1, but they are equal for certain."""

    def largest(x: Any) -> Any:
        return np.maximum.reduce(np.tanh(x), keepdims=True)

    case = told(largest, 1.0, 1.0, 0.5)
    found = enclose(Case(case.layer, case.arrays, case.kinds, "float64", dy=(np.ones(1),)))
    assert found.kinks["x"].tolist() == [True, True, False]
    assert found.decided["x"].all()


def test_a_kink_holds_both_one_sided_derivatives() -> None:
    case = judged_case(case_of(ReLU(), x=np.array([0.0, 2.0, -1.0]))).case
    found, dy = enclose(case), case.dy[0]
    assert dy is not None
    assert found.kinks["x"].tolist() == [True, False, False]
    for value in (0.0, float(dy[0]), float(dy[0]) / 2):
        assert distance(value, found.balls["x"][0]) == 0.0
    assert distance(1.5 * float(dy[0]), found.balls["x"][0]) > 0
    assert distance(-0.1 * float(dy[0]), found.balls["x"][0]) > 0


@pytest.mark.parametrize(
    ("layer", "x", "slopes"),
    [
        (LeakyReLU(negative_slope=0.25), 0.0, (0.25, 1.0)),
        (Hardshrink(lambd=0.5), -0.5, (0.0, 1.0)),
        (Softplus(beta=1.0, threshold=0.0), 0.0, (0.5, 1.0)),
        (Threshold(threshold=2.0, value=9.0), 2.0, (0.0, 1.0)),
    ],
    ids=lambda value: getattr(type(value), "__name__", ""),
)
def test_a_decision_by_the_real_part_is_one(
    layer: Layer, x: float, slopes: tuple[float, float]
) -> None:
    """A real part is held constant, but which side of a kink it lies on depends on it."""
    found = enclose(Case(layer, {"x": np.array([x])}, {"x": "real"}, "float64", dy=(np.ones(1),)))
    assert found.kinks["x"].all()
    assert found.ends["x"][:, 0].tolist() == list(slopes)


def test_every_one_of_three_that_tie_is_at_the_kink() -> None:
    case = judged_case(case_of(Max(), x=np.array([2.0, 2.0, 2.0, 1.0]))).case
    found, dy = enclose(case), case.dy[0]
    assert dy is not None
    assert found.kinks["x"].tolist() == [True, True, True, False]
    for ball in found.balls["x"][:3]:
        assert distance(float(dy) / 3, ball) == 0.0


def test_of_many_that_tie_none_is_taken_for_smooth() -> None:
    """A few directions do not make each of them the greatest."""
    found = enclose(judged_case(case_of(Max(), x=np.append(np.ones(100), 0.0))).case)
    assert found.kinks["x"].tolist() == [True] * 100 + [False]


def test_a_tie_without_a_kink_is_none() -> None:
    """Softmax takes off the largest entry, whichever it is; the sigmoid looks at the sign."""
    for layer, x in ((Softmax(dim=0), np.ones(3)), (Sigmoid(), np.zeros(3))):
        found = enclose(judged_case(case_of(layer, x=x)).case)
        assert found.decided["x"].all()
        assert not found.kinks["x"].any()


NOTHING = "^there is nothing to differentiate, or it is not finite$"
REFUSED = {
    "it wants floats": (
        told(lambda x: np.array(x, dtype=float), 1.0),
        "^forward does not run on balls: TypeError: ",
    ),
    "it fails": (told(lambda x: x[7], 1.0), "^forward does not run on balls: IndexError: index 7"),
    "another shape": (
        told(lambda x: np.concatenate([x, x]), 1.0),
        "^the outputs do not have the shapes of their cotangents$",
    ),
    "not finite": (told(np.exp, math.inf), NOTHING),
    "no cotangent": (case_of(Sigmoid(), x=normal(2)), NOTHING),
}


@pytest.mark.parametrize(("case", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_it_refuses_has_a_reason(case: Case, said: str) -> None:
    with pytest.raises(Unsupported, match=said):
        enclose(case)


def test_a_ball_is_never_taken_for_a_float() -> None:
    tape = Tape()
    with pytest.raises(TypeError):
        float(tape.leaf(1.0))  # type: ignore[arg-type]  # that it is none is what is tested
    with pytest.raises(Undecided):
        bool(tape.leaf(2.0).sqrt() * tape.leaf(2.0).sqrt() == Ball(tape, tape.arb(2), -1, -1))


def test_without_python_flint_it_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    assert enclosing.available()
    monkeypatch.setattr(enclosing, "find_spec", lambda name: None)
    assert not enclosing.available()


@pytest.mark.filterwarnings("error")
def test_it_is_silent_about_complex_numbers() -> None:
    def turned(x: Array) -> Array:
        return x * np.exp(0.5j)

    with pytest.raises(Unsupported, match="a ball is real"):
        enclose(told(turned, 1.5))
