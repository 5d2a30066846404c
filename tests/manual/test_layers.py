"""Every layer, loss, network and optimiser against its twin, on drawn cases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from manual.net import Net
from tests.subject import subject

SUBJECT = subject()


@pytest.mark.parametrize("name", [n for n, kind in SUBJECT.layers.items() if kind is not Net])
def test_layer(name: str, judged: Callable[..., None]) -> None:
    judged("layer", name)


@pytest.mark.parametrize("name", [kind.__name__ for kind in SUBJECT.optimizers])
def test_optimizer(name: str, judged: Callable[..., None]) -> None:
    judged("optimizer", name)


def test_networks(judged: Callable[..., None]) -> None:
    judged("network", "Net", 200)
