"""What is asked of a layer beside its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradproof.judge import conduct
from gradproof.subject import passes


def test_it_is_the_gradient_itself_that_minus_twice_is_held_against() -> None:
    """In a network the reference's may lie on the other side of a kink."""

    class Subnormal:
        def forward(self, x: Any) -> Any:
            return 3 * x, ()

        def backward(self, saved: Any, dy: Any) -> Any:
            return {"x": np.asarray(3 * dy * (1 + 1e-15 * (dy[0] < 0)))}

    asked = []

    def agrees(name: str, array: Any, gradient: Any) -> bool:
        asked.append((name, array.tolist(), gradient.tolist()))
        return name == "x"

    x, dy = np.array([1.0, 2.0]), np.array([0.5, 1.0])
    ran = passes.forward(Subnormal(), [x])
    grads = passes.backward(Subnormal(), ran, (dy,))
    assert list(conduct.check_gradients(Subnormal(), [x], ran, (dy,), grads, agrees)) == []
    ((_, array, gradient),) = asked
    assert gradient == [1.5, 3.0]
    assert array != gradient and np.allclose(array, gradient)


def test_a_number_of_numpys_own_is_an_array_and_another_one_is_not() -> None:
    class Total:
        def __init__(self, kind: Any) -> None:
            self.kind = kind

        def forward(self, x: Any) -> Any:
            return self.kind(x.sum()), ()

        def backward(self, saved: Any, dy: Any) -> Any:
            return {"x": self.kind(dy.sum())}

    x = np.array([1.0, 2.0], dtype=np.float32)
    ran = passes.forward(Total(np.float32), [x])
    (y,) = ran.outputs
    dx = passes.backward(Total(np.float32), ran, (y,))["x"]
    for made in (y, dx):
        assert isinstance(made, np.ndarray)
        assert made.dtype == np.float32 and made.shape == () and made == 3
    with pytest.raises(passes.Misconduct, match="forward returned float, not a plain array"):
        passes.forward(Total(float), [x])
    with pytest.raises(passes.Misconduct, match="its gradient is float, not a plain array"):
        passes.backward(Total(float), ran, (y,))
