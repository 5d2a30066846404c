"""Arrays as tensors and back, and a pull-back by autograd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gradproof.arrays import Array

CHEAP = 4
"""The most cheap samples, in which only cotangents are disturbed."""
THOROUGH = 32
"""The most thorough samples, in which all arithmetic is disturbed."""


def tensor(array: Array, smooth: bool = False) -> Tensor:
    """A tensor with memory of its own."""
    made = torch.from_numpy(np.array(array, order="C"))
    return made.requires_grad_() if smooth else made


def pull_back(
    outputs: Sequence[Tensor], dy: Sequence[Tensor | None], inputs: Sequence[Tensor]
) -> list[Tensor | None]:
    """torch.autograd.grad of the outputs that have a cotangent; the graph is kept."""
    pairs = [(y, d) for y, d in zip(outputs, dy, strict=True) if d is not None and y.requires_grad]
    if not pairs or not inputs:
        return [None] * len(inputs)
    return list(
        torch.autograd.grad(
            [y for y, _ in pairs],
            list(inputs),
            [d for _, d in pairs],
            retain_graph=True,
            allow_unused=True,
        )
    )


def as_array(made: Tensor) -> Array:
    """The tensor's own memory as an array."""
    array: Array = made.detach().numpy()
    return array


def array_or_none(made: Tensor | None) -> Array | None:
    """The same of a tensor that may be absent."""
    return None if made is None else as_array(made)


def as_tensors(arrays: Mapping[str, Array | None], smooth: Sequence[bool]) -> list[Tensor | None]:
    """A tensor for each array; an absent one is None."""
    pairs = zip(arrays.values(), smooth, strict=True)
    return [None if a is None else tensor(a, s) for a, s in pairs]


def pair(moved: Tensor | None, exact: Tensor | None) -> tuple[Array, Array] | None:
    """(disturbed, undisturbed) as arrays; None where there are no floating numbers to compare."""
    if moved is None or exact is None or not exact.is_floating_point():
        return None
    return as_array(moved), as_array(exact)
