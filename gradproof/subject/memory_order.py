"""A cotangent reaches saved tensors as it lies in memory, whatever a wrapper makes of it.

A wrapper that hands autograd a plain copy, `torch.from_numpy(dy.copy())`, hides that its kernel
takes every cotangent for contiguous. Such a wrapper saves the tensor that the kernel returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from gradproof.arrays import Array


@contextmanager
def as_it_lies(saved: Any, dy: Sequence[Array | None]) -> Iterator[None]:
    """Within it a saved tensor that is given the numbers of a dy has them with dy's strides.

    PyTorch has no steps backwards: a dy that has some is left as it comes.
    """
    strange = [d for d in dy if d is not None and not d.flags.c_contiguous and min(d.strides) >= 0]
    found = [*_results(saved)] if strange else []
    hooks = [tensor.register_hook(partial(_laid, strange)) for tensor in found]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _results(saved: Any) -> Iterator[Any]:
    """The tensors that a function returned, among what was saved."""
    if isinstance(saved, (tuple, list)):
        for value in saved:
            yield from _results(value)
    elif getattr(saved, "grad_fn", None) is not None:
        yield saved


def _laid(strange: Sequence[Array], gradient: Any) -> Any:
    """The same numbers in the memory order of the dy that holds them; None leaves it as it is."""
    if gradient is None:  # the loss does not use it
        return None
    arrived = gradient.detach().double().numpy()  # NumPy has no bfloat16
    for d in strange:
        if np.array_equal(arrived, d.astype(np.float64)):
            steps = [step // d.itemsize for step in d.strides]
            one_each = tuple(slice(None if step else 1) for step in steps)
            part = gradient[one_each]
            return part.new_empty_strided(part.shape, steps).copy_(part).expand(d.shape)
    return None
