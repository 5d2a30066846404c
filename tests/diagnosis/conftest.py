"""What is planted here is grossly wrong, so that one sample of noise is enough."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def one_sample_of_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = pytest.importorskip("gradproof.oracle.tensors", reason="the noise is torch's")
    monkeypatch.setattr(tensors, "CHEAP", 1)
    monkeypatch.setattr(tensors, "THOROUGH", 1)
