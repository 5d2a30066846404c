"""What a diagnosis has to go on and what it tries, one line each, on small whole numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="a finding has torch's numbers")

from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.diagnosis import resample
from gradproof.diagnosis.evidence import Evidence, evidence
from gradproof.diagnosis.rules import (
    constant_factor,
    formula,
    missing_term,
    optimizer_update,
    other_cotangent,
    other_options,
    reordered,
    special_points,
    where_wrong,
)
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from gradproof.judge.verdict import Finding, Judgement, beside
from gradproof.oracle import tensors
from manual.layers.activation_hard import Hardtanh
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import MatMul, Multiply
from manual.layers.linear import Linear
from manual.layers.shape import Split
from manual.losses.cross_entropy import CrossEntropyLoss
from manual.net import Net, Step
from manual.optimizers.adam import Adam
from manual.optimizers.sgd import SGD
from tests.golden import unchanged
from tests.judge.test_findings import on, whole
from tests.planted import SUBJECT, break_gradient, case_of

LINEAR = on(Linear(), whole(2, 3), x=whole(2, 2), weight=whole(3, 2), bias=whole(3))
CHOICE = on(
    CrossEntropyLoss(reduction="sum", label_smoothing=0.25),
    np.array(2.0),
    x=whole(2, 3),
    target=np.array([2, -100]),
    weight=np.array([0.5, 2.0, 4.0]),
)
PARTS = on(Split(1, dim=1), whole(2, 1), None, whole(2, 1, seed=1), x=whole(2, 3))
CLIPPED = on(Hardtanh(-2.0, 3.0), whole(4), x=whole(4))
SQUARE = on(MatMul(), whole(2, 2, seed=2), x=whole(2, 2), other=whole(2, 2, seed=1))
PRODUCT = on(Multiply(), whole(2, 3, seed=2), x=whole(2, 3), other=whole(3))
STEPS = OptimizerCase(Adam(lr=0.5, betas=(0.75, 0.5), amsgrad=True), ((), (2,)), (1.0, 0.1, 0.1),
                 sparse=False, dtype="float64", seed=2)  # fmt: skip


@contextmanager
def planting() -> Iterator[pytest.MonkeyPatch]:
    """To change something, with few samples of noise: nothing here is nearly right."""
    with pytest.MonkeyPatch.context() as planted:
        planted.setattr(tensors, "CHEAP", 1)
        planted.setattr(tensors, "THOROUGH", 1)
        yield planted


def clue(case: Any, name: str) -> Evidence:
    """The evidence on a gradient that is twice as large as it should be, and more by dy."""
    with planting() as planted:
        break_gradient(planted, type(case.layer), name, wrong(name))
        judgement = judge(SUBJECT, case, Clock())
        finding = judgement.culprit
        assert finding is not None and finding.quantity == name
        return collected(judgement, finding)


def collected(judgement: Judgement, finding: Finding) -> Evidence:
    """All that the evidence takes from other cases too, as long as what is planted is wrong."""
    made = evidence(SUBJECT, finding, beside(judgement, finding))
    for other in ("elsewhere", "larger", "varied", "later"):
        getattr(made, other)
    return made


def wrong(name: str) -> Any:
    return lambda g, saved, dy: 2 * g[name] + np.sum(dy[0] if isinstance(dy, tuple) else dy)


def clue_of_steps(case: OptimizerCase = STEPS) -> Evidence:
    """The evidence on an optimiser that goes twice as far."""
    kind = type(case.optimizer)
    right = kind.update

    def update(self: Any, param: Any, grad: Any, memory: Any) -> Any:
        new, kept = right(self, param, grad, memory)
        return (2 * new - param if memory.get("step", 2) > 1 else new), kept

    with planting() as planted:
        planted.setattr(kind, "update", update)
        judgement = judge(SUBJECT, case, Clock())
        return collected(judgement, [f for f in judgement.findings if f.failed][-1])


def numbers(array: Any) -> str:
    if array is None:
        return "none"
    a = np.asarray(array)
    said = " ".join(f"{n:.4g}" for n in (a + 0.0).ravel().tolist())
    return f"{a.dtype} {a.shape} {said}"


def named(arrays: Any) -> Iterator[str]:
    yield from (f"{name}: {numbers(a)}" for name, a in dict(arrays).items())


def listed(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)]) + "\n"


def described(e: Evidence) -> Iterator[str]:
    yield f"{e.quantity} of {e.case.layer} in {e.case.dtype}"
    for name in ("manual", "reference", "over", "error"):
        yield f"{name}: {numbers(getattr(e, name))}"
    for group in ("arrays", "indices", "cotangents", "other_gradients"):
        yield from (f"{group}, {line}" for line in named(getattr(e, group)))


CLUES = {
    "Linear": (LINEAR, "weight"),
    "CrossEntropyLoss": (CHOICE, "x"),
    "Split": (PARTS, "x"),
    "Hardtanh": (CLIPPED, "x"),
    "MatMul": (SQUARE, "other"),
    "Multiply": (PRODUCT, "other"),
}


@pytest.fixture(scope="module")
def clues() -> dict[str, Evidence]:
    made = {name: clue(*about) for name, about in CLUES.items()}
    return made | {"Adam": clue_of_steps()}


def test_the_twin_is_asked_of_nothing_that_does_not_fit(
    clues: dict[str, Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of torch's kernels read beyond the arrays instead of raising an error."""
    e = clues["Linear"]
    asked: list[Any] = []

    def twin(layer: Any, *tensors: Any) -> Any:
        asked.append(tensors)
        raise AssertionError("whatever it says")

    monkeypatch.setitem(SUBJECT.__dict__, "twin", twin)
    arrays = e.case.arrays
    for wrong in ({"weight": whole(3, 3)}, {"x": whole(5, 2)}):
        assert e.expected(e.case.layer, {**arrays, **wrong}) is None
    assert not asked
    assert e.expected(e.case.layer, arrays) is None, "it fits, but the twin raised an error"
    assert len(asked) == 1


def test_the_evidence(clues: dict[str, Evidence]) -> None:
    text = "".join(listed(name, described(e)) for name, e in clues.items())
    unchanged("evidence", text)


def test_the_same_in_other_cases(clues: dict[str, Evidence]) -> None:
    text = ""
    for name, e in clues.items():
        later = (e.later, *e.later.others) if e.later else ()
        groups = {"others": e.others, "elsewhere": e.elsewhere, "larger": e.larger}
        for group, more in (groups | {"varied": e.varied, "later": later}).items():
            lines = [line for m in more[:2] for line in described(m)]
            text += listed(f"{name}, {group}: {len(more)}", lines)
    unchanged("elsewhere", text)


def test_other_cotangents() -> None:
    dy = (whole(2, 3), None, whole(2, 2), np.array(2.0), whole(1))
    lines = [
        f"{told}: {' | '.join(map(numbers, made))}" for told, made in other_cotangent._others(dy)
    ]
    lines += [f"{told}: {numbers(*made)}" for told, made in other_cotangent._others((whole(3),))]
    text = "\n".join(lines) + "\n"
    unchanged("cotangents", text)


def test_other_orders() -> None:
    text = ""
    for right in (whole(2, 2, 3), whole(4), whole(2, 3), np.arange(64.0).reshape(2, 2, 2, 2, 4)):
        found = reordered._orders(right, right + 100)
        lines = []
        for told, made, bound in found:
            assert np.array_equal(made + 100, bound)
            lines.append(f"{told}: {numbers(made)[:80]}")
        text += listed(str(right.shape), lines)
    unchanged("orders", text)


def test_other_options_arguments_and_states(clues: dict[str, Evidence]) -> None:
    text = ""
    for name, e in clues.items():
        ways = {
            "values": other_options._options(e, other_options._values),
            "exchanges": other_options._options(e, other_options._exchanges),
            "arguments": other_options._arguments(e),
            "state": other_options._state(e),
        }
        for group, found in ways.items():
            lines = [f"{told}: {numbers(made(e))}" for told, made in found]
            text += listed(f"{name}, {group}", lines)
    unchanged("otherwise", text)


def test_numbers_that_a_factor_may_stem_from(clues: dict[str, Evidence]) -> None:
    text = ""
    for name, e in clues.items():
        lines = [f"{told}: {v:.6g}{' entries' * c}" for v, told, c in constant_factor._numbers(e)]
        text += listed(name, lines)
    lines = [f"{told}: {value:.6g}" for told, value in optimizer_update._numbers(clues["Adam"])]
    text += listed("of an update", lines)
    adam = clues["Adam"]
    plain = replace(adam, case=replace(adam.case, layer=Adam(lr=1.0, betas=(0.0, 0.5))))
    text += listed(
        "of another", [f"{told}: {v:.6g}" for told, v in optimizer_update._numbers(plain)]
    )
    unchanged("factors", text)


def test_terms_and_functions(clues: dict[str, Evidence]) -> None:
    text = ""
    for name in ("Hardtanh", "Multiply", "Adam"):
        alone = replace(clues[name], others=())
        text += listed(
            f"{name}, derived",
            named(missing_term._derived(missing_term._together(alone, "arrays"))),
        )
        text += listed(f"{name}, terms", named(missing_term._terms(alone)))
        text += listed(f"{name}, functions", named(formula._functions(alone)))
        text += listed(f"{name}, products", sorted(named(formula._products(alone)))[::25])
    text += listed("sums", named(formula._sums(replace(clues["Multiply"], quantity="x"))))
    unchanged("terms", text)


def test_several_cases_are_put_together(clues: dict[str, Evidence]) -> None:
    e = clues["Linear"]
    assert len(e.exact) == 1 + len(e.others) == 1 + resample.TIMES
    assert {n: a.size for n, a in missing_term._together(e, "arrays").items()} == {"weight": 6 * 7}
    single = replace(e, case=replace(e.case, dtype="float32"))
    assert single.exact == e.others
    assert missing_term._together(clues["Hardtanh"], "cotangents").keys() == {"dy"}


@pytest.mark.parametrize(
    ("wrong", "well", "said"),
    [
        ([1, 2], [3, 4], "x < 3"),
        ([1, 2], [2, 5], "x < 2"),
        ([3, 4], [1, 2], "x > 2"),
        ([2, 4], [1, 2], "x > 2"),
        ([0, 2], [-1, -3], "x is positive"),
        ([1, 2], [0, -3], "x is positive"),
        ([-1, 0], [1, 3], "x is negative"),
        ([3, -3], [1, -2], "|x| > 2"),
        ([0.5, -0.5], [1, -2], "|x| < 1"),
        ([1, 2], [0, 3], "1 ≤ x ≤ 2"),
        ([1, 3], [3, 0], "1 ≤ x ≤ 3"),
        ([1, 3], [1, 5, 0], "1 ≤ x ≤ 3"),
        ([1, 3], [2, 5, 0], ""),
    ],
)
def test_what_parts_two_sorts_of_values(wrong: Any, well: Any, said: str) -> None:
    assert where_wrong._side("x", np.array(wrong), np.array(well)) == said


def test_indices_that_repeat(clues: dict[str, Evidence]) -> None:
    """Of a table the rows that are asked for twice are wrong where the second one overwrites."""
    e = replace(clues["Linear"], indices={"at": np.array([0, 2, 0, 1])})

    def said(*rows: int, quantity: str = "weight") -> str:
        over = np.zeros((3, 2), bool)
        over[list(rows)] = True
        wrong = replace(e, over=over, quantity=quantity)
        return where_wrong.repeated(wrong) or where_wrong._at_indices(wrong)

    assert said(0) == "only where at repeats an index: = for +="
    assert said(0, quantity="x") == "only row 0"
    assert said(2) == "only row 2 (the last)"
    assert said(0, 2) == "only the edges of axis 0"
    assert said(0, 1, 2) == ""
    one = np.zeros((3, 2), bool)
    one[1, 1] = True
    assert where_wrong._at_indices(replace(e, over=one)) == "only one entry, [1, 1]"
    assert where_wrong._at_indices(replace(e, over=np.ones(1, bool), quantity="x")) == ""


def test_what_is_special_about_inputs() -> None:
    def said(layer: Any, **arrays: Any) -> list[str]:
        case = case_of(layer, **{n: np.array(a) for n, a in arrays.items()})
        finding = judge(SUBJECT, case, Clock()).findings[1]
        return list(special_points._what(evidence(SUBJECT, finding, [])))

    assert said(Tanh(), x=[1.0, 2.0, 5.0]) == []
    assert said(Tanh(), x=[1.0, 2.0, 2.0]) == ["where entries of x are equal"]
    assert said(Tanh(), x=[1.0, 1.99, 2.0]) == ["where entries of x are nearly equal"]
    assert said(Tanh(), x=[-1.0, 1.95, 2.06]) == []
    assert said(Tanh(), x=[0.0, 0.0]) == ["where x is 0", "where entries of x are equal"]
    assert said(Tanh(), x=0.0) == ["where x is 0"]
    assert said(Tanh(), x=1.0) == []
    assert said(Hardtanh(-2.0, 3.0), x=-2.0) == ["where x is min_val, -2"]
    assert said(Hardtanh(-2.0, 3.0), x=2.0) == ["where x is −min_val, 2"]
    assert said(Hardtanh(-2.0, 3.0), x=3.0) == ["where x is max_val, 3"]
    assert said(Multiply(), x=[1.0, 4.0], other=[1.0, 4.0]) == ["where x is other"]
    assert said(Multiply(), x=[1.0, 4.0], other=[1.0, 3.0]) == []
    assert said(Multiply(), x=[1.0, 4.0], other=[0.0, 0.0]) == ["where other is 0"]


def test_uses_of_a_value_in_a_network() -> None:
    steps = (
        Step("a", Tanh(), ("x",)),
        Step("b", Multiply(), ("a", "x")),
        Step("c", Multiply(), ("b", "a")),
    )
    net = Net(("x",), steps)
    e = clue(on(net, np.array([1.0, 2.0]), x=np.array([0.5, -1.0])), "x")
    assert e.uses() == {"x": [(0, 0), (1, 1)], "a": [(1, 0), (2, 1)], "b": [(2, 0)]}
    assert [e.step(use) for use in e.uses()["a"]] == ["b", "c"]
    x, dy = np.array([0.5, -1.0]), np.array([1.0, 2.0])
    a = np.tanh(x)
    through_b, through_c, beside = dy * a * x, dy * a * x, dy * a * a
    slope = 1 - a * a
    for lost, left in (
        ([], (through_b + through_c) * slope + beside),
        ([(1, 0)], through_c * slope + beside),
        ([(1, 1)], (through_b + through_c) * slope),
        ([(0, 0)], beside),
        ([(0, 0), (1, 1)], 0 * x),
    ):
        assert np.allclose(e.without(lost), left), lost
    assert replace(e, quantity="y").uses() == {}


def test_an_optimiser_without_a_state_has_a_next_step() -> None:
    case = replace(STEPS, optimizer=SGD(lr=0.5, momentum=0.75), scales=(1.0,))
    e = clue_of_steps(case)
    assert e.later is not None and len(e.later.others) == resample.TIMES - 1
    assert set(e.finding.before) == {"p0.grad", "p1.grad"}
    assert set(e.later.finding.before) == {"p0.grad", "p1.grad", *e.later.arrays} - {
        "param",
        "grad",
        "momentum_buffer",
        "new momentum_buffer",
    } | {"p0.momentum_buffer", "p1.momentum_buffer"}
