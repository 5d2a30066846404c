"""Twins on inputs that torch's own function does not take as they come."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="twins are torch's functions")

from manual.layers.shape import Transpose
from manual.losses.cross_entropy import CrossEntropyLoss, NLLLoss
from manual.net import Net, Step
from tests.planted import case_of, judged, normal


@pytest.mark.parametrize("loss", [NLLLoss(), NLLLoss(reduction="none"), CrossEntropyLoss()])
def test_a_loss_takes_a_transposed_input(loss: NLLLoss | CrossEntropyLoss) -> None:
    turned = Step("turned", Transpose(0, 1), ("x",))
    net = Net(("x", "target"), (turned, Step("loss", loss, ("turned", "target"))))
    target = np.random.default_rng(0).integers(0, 3, (4, 5, 2))
    case = case_of(net, x=normal(3, 4, 5, 2), target=target)
    assert judged(case).verdict == "agree"
