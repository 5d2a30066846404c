"""Planted bugs are hunted: killed, named and placed, or found to change nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="bugs are hunted against torch")

from gradproof.cases.optimizer_case import OptimizerCase
from gradproof.mutation.behaviour import behaviour, fresh
from gradproof.mutation.bug import Bug
from gradproof.mutation.hunt import Grounds, TimeUp, hunt, limited
from manual.layers.activation_sigmoid import Tanh
from manual.layers.linear import Linear
from manual.net import Net, Step
from manual.optimizers.adam import Adam
from tests.planted import SUBJECT, case_of, judged, normal

LINEAR = "manual.layers.linear:Linear._gradients"
MEAN = Bug("mean", "Linear", LINEAR, "g.sum(", "g.mean(", cause="mean")
GROUNDS = Grounds(SUBJECT, cases=30, networks=40, seed=0)


def test_a_bug_is_killed_shrunk_and_named() -> None:
    found = hunt(GROUNDS, MEAN, ("Linear",), 30)
    assert (found.outcome, found.kind, found.quantity) == ("killed", "Linear", "bias")
    assert 1 <= found.examples < 30
    assert found.cause.endswith("averaged twice?)")
    assert found.size >= 2 * 1 + 1 * 1 + 1  # two rows of one number, one weight, one bias
    assert found.network == "Linear"
    assert found.scored


def test_what_is_not_to_be_shrunk_is_not() -> None:
    assert hunt(GROUNDS, MEAN, ("Linear",), 30, shrink=False).size == 0


def test_what_changes_nothing_is_equivalent() -> None:
    bug = Bug("one", "Linear", LINEAR, "g.sum(axis=0)", "1 * g.sum(axis=0)")
    found = hunt(GROUNDS, bug, ("Linear",), 30)
    assert (found.outcome, found.kind) == ("equivalent", "")
    assert found.examples == len(GROUNDS.of("Linear"))


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("g.sum(axis=0).astype('f2')", "its dtype is float16; it should be float64"),
        ("g.sum(axis=0)[None]", "its shape is (1, 1); it should be (1,)"),
        ("g[0]", "it can be written to and shares memory"),
        ("g.sum(axis=0) * np.nan", "not a number where PyTorch has numbers"),
        ("[].pop()", "backward raised IndexError: pop from empty list"),
        ("np.multiply(dy, 1, out=dy)", "it writes into something it received"),
    ],
)
def test_what_is_wrong_but_the_numbers_counts(new: str, said: str) -> None:
    bug = Bug("form", "Linear", LINEAR, "g.sum(axis=0)", new)
    found = hunt(GROUNDS, bug, ("Linear",), 30)
    assert found.outcome == "killed"
    if new != "g[0]":  # of a dy that is read-only, and of two rows it is another number
        assert said in found.cause


def test_an_endless_loop_is_not_waited_for() -> None:
    bug = Bug("loop", "Linear", LINEAR, "g = rows(dy)", "g = rows(dy)\n    while True: pass")
    found = hunt(GROUNDS, bug, ("Linear",), 0.3)
    assert (found.outcome, found.examples) == ("timeout", 1)


def test_an_optimiser_is_hunted_and_its_state_is_named() -> None:
    bug = Bug(
        "squared",
        "Adam",
        "manual.optimizers.averages:mean_square",
        "new = (1 - decay) * x\n    new *= x",
        "new = (1 - decay) * x",
        cause="missing",
    )
    found = hunt(GROUNDS, bug, ("Adam",), 30)
    assert (found.outcome, found.kind, found.network) == ("killed", "Adam", "")
    assert found.cause.startswith("in its state, exp_avg_sq: ")


def test_a_wrong_wiring_is_the_networks() -> None:
    bug = Bug(
        "kept",
        "Net",
        "manual.net:Net.backward",
        "grads[name] + grad",
        "grad",
        cause="accumulate",
    )
    found = hunt(GROUNDS, bug, ("Net",), 60)
    assert (found.outcome, found.kind, found.network) == ("killed", "Net", "Net")
    assert "= for +=" in found.cause


def test_what_a_network_keeps_is_made_anew() -> None:
    case = case_of(Net(("x",), (Step("y", Tanh(), ("x",)),)), x=normal(2, 2))
    case = case.with_dy([normal(2, 2)])
    right = behaviour(case)
    bug = Bug("cut", "Net", "manual.net:Net._tape", "reversed(tape)", "reversed(tape[1:])")
    with bug.planted():
        assert behaviour(case).same(right), "its tape was made before"
        assert behaviour(fresh(case)).differs(right)
    assert behaviour(fresh(case)).same(right)


def test_behaviours_differ_by_more_than_rounding() -> None:
    case = case_of(Linear(), x=normal(3, 2), weight=normal(4, 2), bias=normal(4))
    right = behaviour(case.with_dy([normal(3, 4)]))

    def changed(array: Any) -> Any:
        return replace(right, arrays=right.arrays | {"d bias": array})

    bias = right.arrays["d bias"]
    assert not changed(bias * (1 + 1e-15)).differs(right)
    assert not changed(bias * (1 + 1e-15)).same(right)
    for wrong in (-bias, bias.astype("f4"), bias[None], bias * np.nan, np.r_[0.0, bias[1:]]):
        assert changed(wrong).differs(right)
    assert replace(right, said="it raised").differs(right)


def test_a_second_backward_is_looked_at() -> None:
    case = case_of(Tanh(), x=normal(3, 2)).with_dy([normal(3, 2)])
    right = behaviour(case)
    bug = Bug(
        "into y",
        "Tanh",
        "manual.layers.activation_sigmoid:Tanh.backward",
        "y * y",
        "np.multiply(y, y, out=y)",
    )
    with bug.planted():
        assert behaviour(case).differs(right)


def test_an_optimiser_may_not_hand_out_one_array_twice() -> None:
    case = OptimizerCase(Adam(), ((2,), (3,)), (1.0, 1.0), sparse=False, dtype="float64", seed=0)
    bug = Bug(
        "shared", "Adam", "manual.optimizers.adam:Adam.update", '"exp_avg_sq": v', '"exp_avg_sq": m'
    )
    assert judged(case).culprit is None
    with bug.planted():
        said = [f.cause for f in judged(case).findings]
    assert "it shares memory with p0.exp_avg" in said


def test_a_kink_in_a_network_is_blamed_on_its_layer() -> None:
    from manual.layers.activation import ReLU

    net = Net(("x",), (Step("h", ReLU(), ("x",)), Step("y", Tanh(), ("h",))))
    case = case_of(net, x=np.array([[0.0, 1.0], [0.0, -2.0]]))
    bug = Bug("at 0", "ReLU", "manual.layers.activation:ReLU.backward", "y > 0", "y >= 0")
    with bug.planted():
        culprit = judged(case).culprit
    assert culprit is not None
    assert culprit.kind == "ReLU"


def test_what_fails_since_the_time_was_up_is_told_as_that() -> None:
    def stopped() -> None:
        with limited(0.05):
            try:
                time.sleep(10)
            except TimeUp:
                [].pop()  # as Hypothesis does when it is stopped in the middle of a draw

    def wrong() -> None:
        with limited(10):
            [].pop()

    with pytest.raises(TimeUp):
        stopped()
    with pytest.raises(IndexError):
        wrong()
