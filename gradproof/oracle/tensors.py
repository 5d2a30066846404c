"""Arrays as tensors and back, and a pull-back by autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import _engine_run_backward

from gradproof.arrays import Array
from gradproof.errors import InputError, Stop, told
from gradproof.rounding.bound import C
from gradproof.rounding.disturb import Disturbance
from gradproof.subject.low_precision import low_dtype
from gradproof.subject.program import as_tuple

Sample: TypeAlias = dict[str, tuple[Array, Array]]
"""(disturbed, undisturbed) by the name of the output or gradient."""
CHEAP = 4
"""The most cheap samples, in which only cotangents are disturbed."""
THOROUGH = 32
"""The most thorough samples, in which all arithmetic is disturbed."""
CURVED = 4
"""The most samples after these, of what grows with the square of a sum's error."""
HASTY = 4, 1
"""The same two where a verdict is not final."""


class ReferenceFault(Exception):
    """The reference raised, or is no function that can be judged; the text says how."""


def laid_out(array: Array) -> Tensor:
    """A tensor with memory of its own, in which the numbers lie as in the array.

    For a wrapper of a kernel that is handed gradproof's arrays: a copy would hide that the kernel
    takes every cotangent for contiguous. PyTorch has no steps backwards; such an array is copied.
    """
    if not array.size or min(array.strides, default=0) < 0:
        return tensor(array)
    steps = [step // array.itemsize for step in array.strides]
    reach = 1 + sum((n - 1) * step for n, step in zip(array.shape, steps, strict=True))
    memory = np.zeros(reach, array.dtype)
    np.lib.stride_tricks.as_strided(memory, array.shape, array.strides)[...] = array
    return _of_memory(memory).as_strided(array.shape, steps)


@contextmanager
def fewer_samples() -> Iterator[None]:
    """Within it few samples are taken: for a verdict that is not final."""
    global THOROUGH, CURVED
    before, (THOROUGH, CURVED) = (THOROUGH, CURVED), HASTY
    try:
        yield
    finally:
        THOROUGH, CURVED = before


def in_a_hurry() -> bool:
    """Whether few samples are taken."""
    return (THOROUGH, CURVED) == HASTY


def tensor(array: Array) -> Tensor:
    """A tensor with memory of its own."""
    return _of_memory(np.array(array, order="C"))


def _of_memory(array: Array) -> Tensor:
    """A tensor over an array's memory; torch does not know NumPy's way to have bfloat16."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


@contextmanager
def blamed(who: str) -> Iterator[None]:
    """Raise ReferenceFault for whatever is raised within."""
    try:
        yield
    except (KeyboardInterrupt, Stop):
        raise
    except BaseException as error:
        raise ReferenceFault(f"{who} raised {told(error)}") from error


def call(function: Callable[..., Any], inputs: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
    """The outputs of a reference.

    Raises    ReferenceFault when it fails, InputError when its outputs are complex
    """
    with blamed("the reference"):
        outputs = as_tuple(function(*inputs))
    for out in outputs:
        if not isinstance(out, Tensor):
            raise ReferenceFault(f"the reference returned {type(out).__name__}, not a tensor")
        if out.is_complex():
            raise InputError(
                f"the reference returns {out.dtype} numbers, and only real ones can be judged; "
                "return the real and the imaginary part as two outputs, on both sides"
            )
    plain = (out if type(out) is Tensor else out.as_subclass(Tensor) for out in outputs)
    return tuple(out.resolve_neg() for out in plain)  # one may stand for the negative of another


def pull_back(
    outputs: Sequence[Tensor], dy: Sequence[Tensor | None], inputs: Sequence[Tensor]
) -> list[Tensor | None]:
    """torch.autograd.grad of the outputs that have a cotangent; the graph is kept.

    `torch.autograd.grad` itself loads SymPy to look at cotangents, which takes 0.6 s in each
    process, and then twice as long in each call.
    """
    pairs = [(y, d) for y, d in zip(outputs, dy, strict=True) if d is not None and y.requires_grad]
    if not pairs or not inputs:
        return [None] * len(inputs)
    found: tuple[Tensor | None, ...] = _engine_run_backward(
        tuple(y for y, _ in pairs),
        tuple(d for _, d in pairs),
        True,  # keep the graph
        False,  # make none of the derivative
        tuple(inputs),
        allow_unreachable=True,
        accumulate_grad=False,
    )
    return [None if g is None else g.resolve_neg() for g in found]


def as_array(made: Tensor) -> Array:
    """The tensor's own memory as an array; a copy if it stands for its negative."""
    made = made.detach().cpu().resolve_neg()
    if made.dtype == torch.bfloat16:
        return np.asarray(made.view(torch.int16).numpy().view(low_dtype("bfloat16")))
    array: Array = made.numpy()
    return array


def array_or_none(made: Tensor | None) -> Array | None:
    """The same of a tensor that may be absent."""
    return None if made is None else as_array(made)


def as_tensors(
    arrays: Mapping[str, Array | None], smooth: Sequence[bool], laid: bool = False
) -> list[Tensor | None]:
    """A tensor for each array; an absent one is None.

    laid    whether they lie in memory as the arrays do
    """
    make = laid_out if laid else tensor
    pairs = zip(arrays.values(), smooth, strict=True)
    return [None if a is None else make(a).requires_grad_(s) for a, s in pairs]


def sample(
    names: Sequence[str], moved: Sequence[Tensor | None], exact: Sequence[Tensor | None]
) -> Sample:
    """What is there on both sides, and is floating numbers."""
    return {
        name: (as_array(m), as_array(e))
        for name, m, e in zip(names, moved, exact, strict=True)
        if m is not None and e is not None and e.is_floating_point()
    }


def disturbed_runs(
    seed: int, names: Sequence[str], run: Callable[[], list[Tensor | None]]
) -> Iterator[Sample]:
    """Yield samples of the named results of run, with all arithmetic disturbed.

    The last samples hold what the first hide: half the second difference of runs whose sums are
    off as far as they may be, one way and the other. C floors are to cover it, so a floor is 1/C.
    """
    mode = Disturbance(seed)

    def again(reach: float) -> list[Tensor | None]:
        mode.again(reach)
        return disturbed()

    def disturbed() -> list[Tensor | None]:
        try:
            with mode:
                return run()
        except ReferenceFault as error:  # it ran before, so this may not be its own fault
            text = f"{error}, in a run with disturbed arithmetic: perhaps a fault of gradproof's"
            raise ReferenceFault(text) from error

    exact = disturbed()
    for _ in range(THOROUGH):
        yield sample(names, again(1.0), exact)
    for _ in range(CURVED):
        ways = zip(again(C), again(-C), exact, strict=True)
        yield sample(names, [_curved(*way) for way in ways], exact)


def _curved(up: Tensor | None, down: Tensor | None, exact: Tensor | None) -> Tensor | None:
    """The undisturbed result and 1/C of half the second difference, where that is a number."""
    if up is None or down is None or exact is None or not exact.is_floating_point():
        return None
    second = (up - exact) + (down - exact)
    return exact + torch.nan_to_num(second, nan=0.0, posinf=0.0, neginf=0.0) / (2 * C)
