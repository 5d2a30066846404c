"""Time is counted once, for the innermost activity."""

from __future__ import annotations

from typing import Any

import pytest

from gradproof.judge import clock
from gradproof.judge.clock import Clock
from gradproof.judge.dispatch import judge
from manual.layers.activation_sigmoid import Tanh
from manual.net import Net, Step
from tests.planted import SUBJECT, case_of, normal


def test_time_is_exclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 11.0, 111.0, 1111.0, 1112.0, 2000.0, 2005.0])
    monkeypatch.setattr(clock, "perf_counter", lambda: next(times))
    c = Clock()
    assert c.seconds == {"draw": 0.0, "manual": 0.0, "reference": 0.0, "judge": 0.0}
    with c("judge"):  # 0 to 1, 11 to 111, 1111 to 1112
        with c("manual"):  # 1 to 11
            pass
        with pytest.raises(KeyError), c("reference"):  # 111 to 1111
            raise KeyError
    with c("draw"):  # 2000 to 2005, after a pause
        pass
    assert c.seconds == {"draw": 5.0, "manual": 10.0, "reference": 1000.0, "judge": 102.0}


@pytest.mark.parametrize("layer", [Tanh(), Net(("x",), (Step("y", Tanh(), ("x",)),))])
def test_each_side_is_timed(layer: Any) -> None:
    c = Clock()
    judge(SUBJECT, case_of(layer, x=normal(2, 3)), c)
    assert c.seconds.keys() == {"draw", "manual", "reference", "judge"}
    assert all(seconds > 0 for seconds in c.seconds.values())
