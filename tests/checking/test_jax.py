"""JAX's functions through `gradproof.vjp`, right and wrong, where JAX is installed."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="functions are judged against torch")
jax = pytest.importorskip("jax", reason="did not run: pip install jax")

# ruff: noqa: E402  (they are looked for first)
from functools import partial

import jax.numpy as jnp

from gradproof import check, real, vjp

jax.config.update("jax_enable_x64", True)


def silu(factor: float) -> Any:
    """x σ(x), with a derivative written by hand."""

    @jax.custom_vjp
    def function(x: Any) -> Any:
        return x * jax.nn.sigmoid(x)

    def forward(x: Any) -> Any:
        return function(x), (x, jax.nn.sigmoid(x))

    def backward(saved: Any, dy: Any) -> Any:
        x, s = saved
        return (dy * s * (1 + factor * x * (1 - s)),)

    function.defvjp(forward, backward)
    return function


def test_a_custom_vjp_right_and_wrong() -> None:
    judged = partial(check, reference=torch.nn.functional.silu, inputs={"x": real(2, 3)}, cases=20)
    assert judged(vjp(partial(jax.vjp, silu(1.0))))
    wrong = judged(vjp(partial(jax.vjp, silu(2.0))), raise_exception=False)
    assert [f.quantity for f in wrong.disagreements] == ["x"]


def test_several_inputs_and_outputs() -> None:
    def both(x: Any, w: Any) -> Any:
        return jnp.tanh(x @ w), x.sum(0)

    reference = lambda x, w: (torch.tanh(x @ w), x.sum(0))  # noqa: E731
    verdict = check(vjp(partial(jax.vjp, both)), reference, (real(2, 3), real(3, 4)), cases=10)
    assert dict(verdict) == dict.fromkeys(("y", "y1", "x", "w", "conduct"), "agree")
