"""Each wrong wiring does to a network's gradient what its name says."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="a case is completed by torch's outputs")

from benchmarks.rivals import output_mutants
from benchmarks.rivals.output_mutants import wirings
from manual.layers.activation_sigmoid import Tanh
from manual.layers.arithmetic import Multiply
from manual.net import Net, Step
from tests.planted import case_of, judged, normal

X = normal(3)
DY = normal(3, seed=1)
A = np.tanh(X)
THROUGH, BESIDE = DY * X * (1 - A * A), DY * A
"""What arrives at x of y = x tanh x: by way of the tanh, and straight from the product."""

EXPECTED = {
    "overwritten": THROUGH,
    "dropped": BESIDE,
    "doubled": BESIDE + 2 * THROUGH,
    "exchanged": DY * X + DY * A * (1 - A * A),
    "hasty": BESIDE,
}


@pytest.mark.parametrize("mutation", wirings(), ids=str)
def test_a_wrong_wiring(mutation: output_mutants.Mutation) -> None:
    net = Net(("x",), (Step("a", Tanh(), ("x",)), Step("b", Multiply(), ("a", "x"))))
    case = judged(case_of(net, x=X)).case
    case = type(case)(case.layer, case.arrays, case.kinds, case.dtype, dy=(DY,))
    right = output_mutants.gradients(case)["x"]
    assert np.float32(right).tolist() == np.float32(BESIDE + THROUGH).tolist()
    with output_mutants.planted(Net, mutation):
        wrong = output_mutants.gradients(case)["x"]
    (name,) = [name for name in EXPECTED if str(mutation).startswith(name)]
    assert np.float32(wrong).tolist() == np.float32(EXPECTED[name]).tolist()


def test_there_is_one_of_each() -> None:
    assert [m.name for m in wirings()] == list(EXPECTED)
