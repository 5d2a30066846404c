"""Planted bugs: they change one function, everywhere, and leave no trace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradproof.mutation.bug import Bug, BugError, find, source_of
from manual import numeric
from manual.layers import linear
from manual.layers.activation_sigmoid import Tanh
from manual.net import Net

MEAN = Bug("mean", "Linear", "manual.layers.linear:Linear._gradients", "g.sum(", "g.mean(")


def bias_gradient() -> float:
    layer = linear.Linear()
    _, saved = layer.forward(np.ones((4, 2)), np.ones((1, 2)), np.ones(1))
    return float(layer.backward(saved, np.ones((4, 1)))["bias"][0])


def test_a_bug_is_there_within_and_gone_after() -> None:
    assert bias_gradient() == 4
    with MEAN.planted():
        assert bias_gradient() == 1
    assert bias_gradient() == 4


def test_a_bug_goes_even_when_the_code_raises() -> None:
    with pytest.raises(KeyError), MEAN.planted():
        raise KeyError
    assert bias_gradient() == 4


def test_a_function_is_wrong_wherever_it_was_imported() -> None:
    bug = Bug("last axis", "Linear", "manual.numeric:rows", "return x", "return -x")
    assert linear.rows is numeric.rows
    with bug.planted():
        assert linear.rows(np.ones((2, 2)))[0, 0] == -1
    assert linear.rows(np.ones((2, 2)))[0, 0] == 1


def test_methods_behind_properties_and_those_that_call_super_are_found() -> None:
    assert find("manual.net:Net._tape").__name__ == "_tape"
    path = "manual.optimizers.adam:Adam.__post_init__"
    assert find(path).__code__.co_freevars == ("__class__",)
    with Bug("unchecked", "Adam", path, "check_betas(self.betas)", "pass").planted():
        from manual.optimizers.adam import Adam

        assert Adam(betas=(2.0, 0.0)).betas == (2.0, 0.0)
        assert isinstance(Adam(lr=np.float32(1)).lr, float)


def test_one_of_several_places_is_chosen_by_its_number() -> None:
    source = source_of(find("manual.layers.activation_sigmoid:Tanh.backward"))
    assert source.count("y * ") > 1
    bug = Bug(
        "named", "Tanh", "manual.layers.activation_sigmoid:Tanh.backward", "y * ", "z * ", at=1
    )
    changed = bug.source()
    assert changed.replace("z * ", "y * ") == source
    assert changed.index("z * ") > source.index("y * ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"old": "nowhere"}, "stands 0 times"),
        ({"old": "g"}, "name a fragment that stands there once"),
        ({"new": "g.mean(("}, "makes no Python"),
        ({"function": "manual.layers.linear:Linear.sideways"}, "there is no function"),
        ({"function": "manual.layers.linear:Linear"}, "is no function but a type"),
        ({"function": "manual.nowhere:f"}, "there is no function"),
    ],
)
def test_what_cannot_be_planted_says_why(change: dict[str, str], said: str) -> None:
    with pytest.raises(BugError, match=said), replace(MEAN, **change).planted():
        pass


def test_the_kinds_are_untouched() -> None:
    before = {kind: dict(vars(kind)) for kind in (linear.Linear, Tanh, Net)}
    with MEAN.planted():
        pass
    assert {kind: dict(vars(kind)) for kind in before} == before
