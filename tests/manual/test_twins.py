"""Twins on inputs that torch's own function does not take as they come."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="twins are torch's functions")

from manual.layers.norm import BatchNorm2d
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


def test_batch_norm_takes_an_image_of_one_column_in_another_order() -> None:
    """Channels last, as torch's backward of four axes takes them for, when they are not."""
    turned = Step("turned", Transpose(1, 2), ("x",))
    net = Net(("x",), (turned, Step("y", BatchNorm2d(), ("turned",))))
    assert judged(case_of(net, x=normal(2, 3, 2, 1))).verdict == "agree"


def test_batch_norm_is_evaluated_at_the_mean() -> None:
    """Torch's a x + (bias − a mean) is not 0 there, but for its rounding."""
    layer, var = BatchNorm2d(training=False), np.full(3, 0.3)
    x, mean = np.full((2, 3, 4, 5), 1.1), np.full(3, 1.1)
    case = case_of(layer, "float32", x=x, running_mean=mean, running_var=var)
    assert judged(case).verdict == "agree"
