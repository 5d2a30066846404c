"""The layer written by hand as PyTorch's and JAX's own documentation wraps a foreign gradient.

Source    https://docs.pytorch.org/docs/stable/notes/extending.html
          https://docs.jax.dev/en/latest/external-callbacks.html (custom_vjp and pure_callback)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from benchmarks.rivals.by_hand import ByHand
from gradproof.arrays import Array


class HandWritten(torch.autograd.Function):
    """`HandWritten.apply(hand, *inputs)` → the outputs, as tensors."""

    @staticmethod
    def forward(ctx: Any, hand: ByHand, *inputs: Tensor) -> Any:
        outputs, ctx.kept = hand.forward(*(t.detach().numpy() for t in inputs))
        ctx.hand = hand
        made = tuple(map(_tensor, outputs))
        return made if len(made) > 1 else made[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *dy: Tensor) -> Any:
        grads = ctx.hand.gradients(ctx.kept, [d.numpy() for d in dy])
        return None, *map(_tensor, grads)


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.array(array))


def for_jax(hand: ByHand) -> Callable[..., Any]:
    """The layer as a JAX function of its smooth arguments."""
    import jax

    def like(arrays: Any) -> list[Any]:
        return [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]

    def outputs(*inputs: Any) -> list[Array]:
        return hand.forward(*map(np.array, inputs))[0]

    def gradients(inputs: Any, dy: Any) -> list[Array]:
        _, kept = hand.forward(*map(np.array, inputs))
        return hand.gradients(kept, [np.array(d) for d in dy])

    @jax.custom_vjp
    def function(*inputs: Any) -> Any:
        return jax.pure_callback(outputs, like(hand.dy), *inputs)

    def forward(*inputs: Any) -> Any:
        return function(*inputs), inputs

    def backward(inputs: Any, dy: Any) -> Any:
        return tuple(jax.pure_callback(gradients, like(inputs), inputs, dy))

    function.defvjp(forward, backward)
    return function
