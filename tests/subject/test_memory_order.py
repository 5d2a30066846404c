"""A cotangent in another memory order, in each precision."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
import numpy as np

from gradproof.subject.low_precision import low_dtype
from gradproof.subject.memory_order import as_it_lies


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32", "float64"])
def test_a_saved_tensor_is_given_the_strides_of_dy(name: str) -> None:
    numpy = low_dtype(name) if name in ("bfloat16", "float16") else np.dtype(name)
    dy = np.asarray(np.arange(6.0).reshape(3, 2).T, dtype=numpy, order="F")
    x = torch.ones(2, 3, dtype=getattr(torch, name), requires_grad=True)
    y = x * 2
    met: list[tuple[int, ...]] = []
    with as_it_lies((y,), (dy,)):
        y.register_hook(lambda gradient: met.append(gradient.stride()))
        y.backward(torch.tensor(dy.astype(np.float64)).to(y.dtype).contiguous())
    assert met == [(1, 2)]
